"""Compare mmcv's soft-NMS over all classes at once and class by class.

    python benchmarks/soft_nms.py

mmcv's ``batched_nms`` shifts the boxes of each class apart and processes all
classes in one call, or in one call per class once there are ``split_thr``
boxes (10,000 by default). Both give the same detections. A trained detector
leaves about 100 to 1000 boxes above its score threshold, with few frequent
and many rare classes. 'configs' is the setting of the COCO configs. Each
setting is measured on an idle machine and with every core busy.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from measure import medians, parser, report
from mmcv.ops import batched_nms
from mmengine.config import Config
from torch import Tensor

COUNTS = (100, 300, 1000, 3000, 5000)
CLASSES = 80
CONFIG = Config.fromfile(
    Path(__file__).resolve().parents[1]
    / 'configs/_base_/models/mask-rcnn_convnextv2_fpn.py'
)
RUNS = {
    'configs': dict(CONFIG.model.test_cfg.rcnn.nms),
    'all classes': dict(type='soft_nms', iou_threshold=0.5),
    'by class': dict(type='soft_nms', iou_threshold=0.5, split_thr=1),
    'hard NMS': dict(type='nms', iou_threshold=0.5),
}


def scene(count: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Sample boxes around 20 objects in an image of 1333 x 800 pixels.

    Class k of 80 has probability proportional to 1 / k (Zipf's law).

    Args:
        count: Number of boxes N.
        device: Device of the tensors.

    Returns:
        Boxes (N, 4), distinct scores (N) in (0, 1), and labels (N).
    """
    generator = torch.Generator().manual_seed(count)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    size = torch.tensor([1333.0, 800.0])
    centers = size * torch.rand(20, 2, generator=generator)
    sides = 20 + 300 * torch.rand(20, 2, generator=generator)
    which = torch.randint(20, (count,), generator=generator)
    center = centers[which] + 0.15 * sides[which] * normal(count, 2)
    half = sides[which] * (0.2 * normal(count, 2)).exp() / 2
    low = (center - half).maximum(torch.zeros(2)).minimum(size - 1)
    high = (center + half).minimum(size).maximum(low + 1)
    boxes = torch.cat([low, high], dim=1)
    scores = (torch.randperm(count, generator=generator) + 0.5) / count
    frequency = 1 / torch.arange(1.0, CLASSES + 1)
    labels = frequency.multinomial(count, True, generator=generator)
    return boxes.to(device), scores.to(device), labels.to(device)


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """Keep cores busy with processes that never wait.

    Args:
        count: Number of processes.
    """
    command = [sys.executable, '-c', 'while True: pass']
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    """Run the benchmark."""
    args = parser(__doc__).parse_args()
    rows = []
    for busy in (0, os.cpu_count()):
        for count in COUNTS:
            boxes, scores, labels = scene(count, args.device)
            runs = {
                name: lambda c=config, s=(boxes, scores, labels): batched_nms(
                    *s, c
                )
                for name, config in RUNS.items()
            }
            with busy_cores(busy):
                seconds = medians(runs, args.rounds, args.device)
            rows.append(
                {
                    'boxes': count,
                    'classes': len(labels.unique()),
                    'busy cores': busy,
                    **{f'{k} ms': 1e3 * v for k, v in seconds.items()},
                }
            )
    report('soft_nms', args, rows)


if __name__ == '__main__':
    main()
