"""Soft-NMS against mmcv's, and against hard NMS.

    python benchmarks/soft_nms.py

All through the host's ``batched_nms``. mmcv's compares all classes with one
another up to ``split_thr`` boxes, 10,000 by default, and takes class after
class from then on; both are measured at every number.
"""

import torch
from measure import medians, parser, report
from mmcv.ops import batched_nms

import mmdet_plugin  # noqa: F401

CASES = ((1000, 80), (125, 80), (30, 80), (100, 1), (1000, 1), (10_000, 1))
NEVER = 10**9


def scene(proposals: int, classes: int, device: str) -> tuple:
    """Proposals around twenty objects, each class its own, in 1333 x 800.

    Returns:
        Boxes (N, 4), scores (N) without two that are equal, labels (N).
    """
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    size = torch.tensor([1333.0, 800.0])
    centers = size * torch.rand(20, 2, generator=generator)
    sides = 20 + 300 * torch.rand(20, 2, generator=generator)
    which = torch.randint(20, (proposals,), generator=generator)
    center = centers[which] + 0.15 * sides[which] * normal(proposals, 2)
    half = sides[which] * (0.2 * normal(proposals, 2)).exp() / 2
    low = center - half + 3 * normal(classes, proposals, 2)
    high = center + half + 3 * normal(classes, proposals, 2)
    low = low.maximum(torch.zeros(2)).minimum(size - 1)
    high = high.minimum(size).maximum(low + 1)
    boxes = torch.cat([low, high], dim=2).flatten(0, 1)
    order = torch.randperm(len(boxes), generator=generator)
    scores = (order + 0.5) / len(boxes)
    labels = torch.arange(classes).repeat_interleave(proposals)
    return boxes.to(device), scores.to(device), labels.to(device)


def scores_of(
    dets: torch.Tensor, kept: torch.Tensor, boxes: int
) -> torch.Tensor:
    """Return the score of every box, zero where it was dropped."""
    return dets.new_zeros(boxes).scatter_(0, kept, dets[:, 4])


def main() -> None:
    """Run the benchmark."""
    args = parser(__doc__).parse_args()
    rows = []
    for proposals, classes in CASES:
        inputs = scene(proposals, classes, args.device)
        for method in ('linear', 'gaussian', 'naive'):
            soft = dict(iou_threshold=0.5, method=method)
            configs = {
                'ours': dict(
                    type='torch.ops.convnextv2.soft_nms',
                    split_thr=NEVER,
                    **soft,
                ),
                'mmcv': dict(type='soft_nms', split_thr=NEVER, **soft),
                'by class': dict(type='soft_nms', split_thr=1, **soft),
                'hard': dict(type='nms', iou_threshold=0.5),
            }
            results = {k: batched_nms(*inputs, c) for k, c in configs.items()}
            runs = {
                k: lambda c=c, inputs=inputs: batched_nms(*inputs, c)
                for k, c in configs.items()
            }
            seconds = medians(runs, args.rounds, args.device)
            ours, theirs = (
                scores_of(*results[way], len(inputs[0]))
                for way in ('ours', 'mmcv')
            )
            rows.append(
                {
                    'boxes': f'{proposals} x {classes}',
                    'method': method,
                    'kept': len(results['ours'][1]),
                    'largest difference': (ours - theirs).abs().max().item(),
                    'ours ms': 1e3 * seconds['ours'],
                    'mmcv / ours': seconds['mmcv'] / seconds['ours'],
                    'by class / ours': seconds['by class'] / seconds['ours'],
                    'hard / ours': seconds['hard'] / seconds['ours'],
                }
            )
    report('soft_nms', args, rows)


if __name__ == '__main__':
    main()
