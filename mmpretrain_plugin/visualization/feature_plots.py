"""Plots of the measures of features (package ``analysis``).

All but the activation maps are made from the results that
``tools/analyze_features.py`` writes as JSON, so they can be made again.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from torch import Tensor

from .figure_files import save_figure

Results = dict[str, Any]
# Taps and their line styles.
TAPS = {'activation': '-', 'normalized': '--'}
MAX_PANELS = 40  # of the selectivity per block


def plot_cosine_distance(results: Results, path: Path) -> None:
    """Draw the feature cosine distance of each layer (Figure 4).

    Each model has a line for the activations after GELU and, dashed, one
    after GRN or the layer in its place, if it has one.

    Args:
        results: Results of ``tools/analyze_features.py``.
        path: PNG file to write.
    """
    figure, axis = plt.subplots(figsize=(7, 4.5))
    _plot_lines(axis, results, 'cosine_distance')
    axis.set_ylabel('feature cosine distance')
    axis.legend(fontsize='small')
    figure.tight_layout()
    save_figure(figure, path)


def plot_channel_health(results: Results, path: Path) -> None:
    """Draw silent and saturated channels and effective rank of each layer.

    Args:
        results: Results of ``tools/analyze_features.py``.
        path: PNG file to write.
    """
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.2))
    for axis, (key, label) in zip(
        axes,
        (
            ('silent', 'share of silent channels'),
            ('saturated', 'share of saturated channels'),
            ('effective_rank', 'effective rank of an image'),
        ),
    ):
        _plot_lines(axis, results, key)
        axis.set_ylabel(label)
    axes[0].legend(fontsize='small')
    for axis in axes[:2]:
        axis.set_ylim(bottom=0)
    axes[2].set_yscale('log')
    figure.tight_layout()
    save_figure(figure, path)


def tap_title(tap: str, normalization: str | None) -> list[str]:
    """Return what to write behind the name of a model or a block.

    Args:
        tap: 'activation' or 'normalized'.
        normalization: Name of GRN or of the layer in its place, or None, if
            nothing has to be told apart.

    Returns:
        No word or one, such as 'after GRN'.
    """
    if normalization is None:
        return []
    return [f'{"before" if tap == "activation" else "after"} {normalization}']


def _plot_lines(axis: plt.Axes, results: Results, key: str) -> None:
    """Draw a measure against the normalized layer index."""
    for number, model in enumerate(results['models']):
        for tap, style in TAPS.items():
            found = [b for b in model['blocks'] if b[tap] is not None]
            found = [b for b in found if b[tap][key] is not None]
            if not found:
                continue
            title = tap_title(tap, found[0]['normalization'])
            axis.plot(
                [block['depth'] for block in found],
                [block[tap][key] for block in found],
                style,
                marker='.',
                color=f'C{number}',
                label=', '.join([model['name'], *title]),
            )
    axis.set_xlabel('normalized layer index')
    axis.grid(alpha=0.3)


def plot_selectivity(results: Results, path: Path) -> None:
    """Draw the density of the class selectivity index of each block.

    It is Figure 2 of the paper's appendix: one panel per block, the models
    over each other. Models with different numbers of blocks are compared at
    equal depth, with as many panels as the shortest has blocks.

    Args:
        results: Results of ``tools/analyze_features.py`` with labels.
        path: PNG file to write.

    Raises:
        ValueError: If the results have no class selectivity.
    """
    models = results['models']
    if any(b['selectivity'] is None for m in models for b in m['blocks']):
        raise ValueError('results without labels have no class selectivity')
    panels = min(MAX_PANELS, *(len(model['blocks']) for model in models))
    columns = min(panels, 6)
    rows = math.ceil(panels / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.4 * columns, 2.1 * rows), sharex=True,
        squeeze=False,
    )  # fmt: skip
    for axis in axes.flat[panels:]:
        axis.axis('off')
    for panel, axis in enumerate(axes.flat[:panels]):
        names = []
        for number, model in enumerate(models):
            last = len(model['blocks']) - 1
            index = round(panel * last / max(panels - 1, 1))
            block = model['blocks'][index]
            names.append(block['name'])
            counts = np.array(block['selectivity']['counts'])
            density = counts * len(counts) / max(counts.sum(), 1)
            edges = np.linspace(0, 1, len(counts) + 1)
            axis.stairs(
                density, edges, fill=True, alpha=0.45, color=f'C{number}',
                label=model['name'],
            )  # fmt: skip
        same = len(set(names)) == 1
        depth = panel / max(panels - 1, 1)
        axis.set_title(names[0] if same else f'depth {depth:.2f}', size=8)
        axis.tick_params(labelsize=7)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='upper center', ncols=len(models))
    figure.supxlabel('class selectivity index', size=9)
    figure.supylabel('density', size=9)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.4 / figure.get_figheight()))
    save_figure(figure, path)


class ActivationMaps(NamedTuple):
    """Activations of one tap of one block for one image.

    Attributes:
        model: Name of the model.
        title: Name of block and tap.
        features: Activations (positions, channels) of a square image.
    """

    model: str
    title: str
    features: Tensor


def channel_mosaic(features: Tensor, count: int = 64) -> np.ndarray:
    """Arrange the maps of channels in a square, with lines between them.

    Args:
        features: Activations (positions, channels) of a square image.
        count: Number of channels, evenly spaced over all of them.

    Returns:
        Array (side, side), NaN between the maps.

    Raises:
        ValueError: If the positions do not form a square.
    """
    positions, channels = features.shape
    side = math.isqrt(positions)
    if side * side != positions:
        raise ValueError(
            f'{positions} positions are no square map; use square images'
        )
    count = min(count, channels)
    chosen = np.linspace(0, channels - 1, count).round().astype(int)
    maps = features.float().cpu().numpy().T[chosen]
    tiles = math.ceil(math.sqrt(count))
    gap = max(1, side // 8)
    step = side + gap
    mosaic = np.full((tiles * step - gap,) * 2, np.nan, np.float32)
    for i, one in enumerate(maps):
        row, column = divmod(i, tiles)
        mosaic[
            row * step : row * step + side,
            column * step : column * step + side,
        ] = one.reshape(side, side)
    return mosaic


def plot_activation_maps(
    rows: Sequence[Sequence[ActivationMaps]], path: Path
) -> None:
    """Draw 64 channels of blocks in small squares (Figure 3).

    Each panel has one color scale for all of its channels, from the 1st to
    the 99th percentile of the panel, so that silent channels are dark and
    saturated ones have one color.

    Args:
        rows: Panels of each row, equally many.
        path: PNG file to write.
    """
    columns = len(rows[0])
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(3 * columns, 3.3 * len(rows)),
        squeeze=False,
    )  # fmt: skip
    for axis in axes.flat:
        axis.axis('off')
    for row, maps in zip(axes, rows):
        for axis, panel in zip(row, maps):
            _draw_mosaic(axis, panel)
    figure.tight_layout()
    save_figure(figure, path)


def _draw_mosaic(axis: plt.Axes, panel: ActivationMaps) -> None:
    """Draw the channels of a panel."""
    mosaic = channel_mosaic(panel.features)
    low, high = np.nanpercentile(mosaic, (1, 99))
    axis.imshow(mosaic, vmin=low, vmax=high, cmap='viridis')
    axis.set_title(f'{panel.model}\n{panel.title}', size=8)
