"""Time of the encoder against mask ratio and image size.

    python benchmarks/masking_cost.py

Forward and backward of the packed encoder, relative to the same encoder on
complete images. The ideal is the fraction of visible patches. Saves a figure
beside the JSON file.
"""

import matplotlib.pyplot as plt
import torch
from measure import (
    SIZES,
    count,
    medians,
    parser,
    report,
    side,
    train_step,
)
from mmpretrain.registry import MODELS

from mmpretrain_plugin.models.masking import num_visible, random_mask
from mmpretrain_plugin.visualization import save_figure


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__)
    line.add_argument('--size', default='atto', choices=SIZES)
    line.add_argument('--batch', type=count, help='default: 64; 4 on a CPU')
    line.add_argument(
        '--pixels', nargs='+', type=side, default=[128, 224, 384]
    )
    line.add_argument(
        '--ratios', nargs='+', type=float, default=[0.2, 0.4, 0.6, 0.8, 0.9]
    )
    args = line.parse_args()
    args.batch = args.batch or (4 if args.device == 'cpu' else 64)
    model = MODELS.build(
        dict(
            type='mmpretrain.ConvNeXtV2',
            arch=args.size,
            gap_before_final_norm=False,
            final_norm=False,
        )
    ).to(args.device)

    rows = []
    for pixels in args.pixels:
        images = torch.randn(args.batch, 3, pixels, pixels).to(args.device)
        grid = (pixels // 32, pixels // 32)
        masks = {r: random_mask(args.batch, grid, r) for r in args.ratios}
        runs = {
            ratio: lambda x=images, m=mask: train_step(
                model, lambda: model(x, m)[0], args.device
            )
            for ratio, mask in [(0.0, None), *masks.items()]
        }
        seconds = medians(runs, args.rounds, args.device)
        cells = grid[0] * grid[1]
        rows += [
            {
                'size': args.size,
                'pixels': pixels,
                'mask ratio': ratio,
                'visible share': num_visible(cells, ratio) / cells,
                'time share': seconds[ratio] / seconds[0.0],
                'images/s': args.batch / seconds[ratio],
            }
            for ratio in masks
        ]
    report('masking_cost', args, rows)
    draw(rows, args)


def draw(rows: list[dict], args: object) -> None:
    """Plot time over visible patches, with the ideal line."""
    figure, axes = plt.subplots(figsize=(5, 4), layout='constrained')
    axes.plot([0, 1], [0, 1], 'k--', label='ideal: visible share')
    for pixels in args.pixels:
        points = [row for row in rows if row['pixels'] == pixels]
        axes.plot(
            [row['visible share'] for row in points],
            [row['time share'] for row in points],
            'o-',
            label=f'{pixels} pixels',
        )
    axes.set(
        xlabel='visible share of patches',
        ylabel='time / time of complete images',
        title=f'{args.size}, forward and backward, {args.device}',
    )
    axes.legend()
    save_figure(figure, args.out / f'masking_cost_{args.device}.png')


if __name__ == '__main__':
    main()
