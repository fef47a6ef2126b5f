"""Training memory of every size: weights and activations.

    python benchmarks/memory_per_size.py

Weights, gradients and the two moments of AdamW take 16 bytes per parameter.
Activations are the tensors that autograd saves for one image in bf16, counted
on a CPU; the largest temporary tensors of one layer are not included.
"""

import torch
from measure import SIZES, parser, report, saved_for_backward, side
from mmpretrain.registry import MODELS

from mmpretrain_plugin.models.masking import random_mask


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__, has_gpu=False, has_rounds=False)
    line.add_argument('--sizes', nargs='+', default=SIZES, choices=SIZES)
    line.add_argument('--pixels', nargs='+', type=side, default=[512, 1024])
    args = line.parse_args()
    rows = []
    for size in args.sizes:
        model = MODELS.build(
            dict(
                type='mmpretrain.ConvNeXtV2',
                arch=size,
                gap_before_final_norm=False,
            )
        )
        weights = list(model.parameters())
        count = sum(weight.numel() for weight in weights)

        def saved(pixels, mask=None, model=model, weights=weights):
            images = torch.randn(1, 3, pixels, pixels)
            with torch.autocast('cpu', torch.bfloat16):
                total = saved_for_backward(
                    lambda: model(images, mask)[0], [images, *weights]
                )
            return total / 2**20

        row = {
            'size': size,
            'parameters, M': count / 1e6,
            'weights to moments, GiB': 16 * count / 2**30,
            'FCMAE 224, MiB per image': saved(
                224, random_mask(1, (7, 7), 0.6)
            ),
        }
        for pixels in args.pixels:
            row[f'{pixels} pixels, MiB per image'] = saved(pixels)
        rows.append(row)
    report('memory_per_size', args, rows)


if __name__ == '__main__':
    main()
