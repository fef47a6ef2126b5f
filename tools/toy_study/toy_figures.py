"""Figures 4 and 5 of appendix D."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image
from torch import Tensor

from mmpretrain_plugin.models import FCMAE
from mmpretrain_plugin.visualization import (
    reconstruct_image,
    save_figure,
    save_image_grid,
)

STYLES = {
    'ConvNeXt': dict(color='tab:blue', marker='o'),
    'ConvNeXt + GRN': dict(color='tab:blue', marker='o', linestyle='--'),
    'Transformer': dict(color='tab:orange', marker='s'),
}


def draw_reconstructions(
    models: dict[int, dict[str, FCMAE]],
    images: Tensor,
    path: Path,
    seed: int = 0,
) -> None:
    """Save rows of an image, its masked version and each prediction.

    Args:
        models: Autoencoders by mask size and encoder; all encoders get the
            same mask.
        images: RGB, uint8 (N, 3, H, W); each mask size has N rows.
        path: PNG file to write.
        seed: Seed of the masks.
    """
    rows = []
    for by_encoder in models.values():
        for number, pixels in enumerate(images):
            image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
            results = [
                reconstruct_image(
                    model,
                    image,
                    torch.Generator().manual_seed(seed + number),
                )
                for model in by_encoder.values()
            ]
            original, masked = results[0].original, results[0].masked
            completed = [result.completed for result in results]
            rows.append([original, masked, *completed])
    encoders = next(iter(models.values()))
    sizes = ', '.join(map(str, models))
    titles = ('input', f'mask: {sizes}', *encoders)
    save_image_grid(rows, titles, path, inches=1.6)


def draw_errors(
    points: Sequence[dict], untrained: dict[str, float], path: Path
) -> None:
    """Plot the errors of all encoders against the mask size.

    Args:
        points: Results with encoder, mask_size, mse and top5_error.
        untrained: Top-5 error in percent of untrained encoders, by name.
        path: PNG file to write.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for encoder, style in STYLES.items():
        own = [p for p in points if p['encoder'] == encoder]
        own.sort(key=lambda point: point['mask_size'])
        sizes = [point['mask_size'] for point in own]
        for axis, key in zip(axes, ('mse', 'top5_error')):
            values = [point[key] for point in own]
            axis.plot(sizes, values, label=encoder, **style)
        thin = dict(style, marker='', linewidth=0.7)
        axes[1].axhline(untrained[encoder], **thin)
    axes[0].set_ylabel('MSE over hidden pixels')
    axes[1].set_ylabel('top-5 error of k-NN, %')
    for axis in axes:
        axis.set_xscale('log', base=2)
        axis.set_xticks(sorted({p['mask_size'] for p in points}))
        axis.xaxis.set_major_formatter('{x:.0f}')
        axis.set_xlabel('mask size, pixels')
    axes[0].legend()
    axes[1].set_title('thin: untrained', fontsize='medium')
    figure.tight_layout()
    save_figure(figure, path)
