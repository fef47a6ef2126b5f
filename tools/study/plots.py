"""Plots of the study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from mmpretrain_plugin.visualization import save_figure
from study.results import METRICS
from study.runs import ANALYZED, PRETRAININGS, TRANSFERS

# V2 and V1 differ in color, kinds of training in the line, as in Figure 4.
COLORS = {'v2': 'tab:red', 'v1': 'tab:blue'}
LINES = {'fcmae': '-', 'supervised': '--'}


def draw_transfers(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot the results of each run: a dot per seed, a line at the mean."""
    metrics = ('box_ap', 'miou')
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(11, 4), sharey=True
    )  # fmt: skip
    titles = [run.title for run in TRANSFERS.values()]
    for axis, metric in zip(axes, metrics):
        for row, name in enumerate(TRANSFERS):
            found = [result['transfer'][name] for result in results]
            values = [f[metric] for f in found if metric in f]
            if not values:
                continue
            color = 'gray' if name == 'random' else 'tab:blue'
            color = 'tab:red' if name == 'fcmae-v2' else color
            axis.plot(values, [row] * len(values), 'o', color=color, alpha=0.6)
            ends = [row - 0.3, row + 0.3]
            axis.plot([np.mean(values)] * 2, ends, color=color)
        axis.set_xlabel(f'{METRICS[metric]} on the test split')
        axis.grid(axis='x', alpha=0.3)
    axes[0].set_yticks(range(len(titles)), titles)
    axes[0].invert_yaxis()
    figure.tight_layout()
    save_figure(figure, path)


def draw_cosine_distances(
    results: Sequence[dict[str, Any]], path: Path
) -> None:
    """Plot the cosine distance against the normalized layer index.

    Lines are means over the seeds, and bands reach from the smallest to the
    largest value.
    """
    figure, axis = plt.subplots(figsize=(6.5, 4))
    for name in ANALYZED:
        curves = np.array(
            [result['features'][name]['cosine_distance'] for result in results]
        )
        kind, version = name.split('-')
        index = np.linspace(0, 1, curves.shape[1])
        axis.plot(
            index,
            curves.mean(axis=0),
            LINES[kind],
            color=COLORS[version],
            label=PRETRAININGS[name].title,
        )
        axis.fill_between(
            index, curves.min(axis=0), curves.max(axis=0),
            color=COLORS[version], alpha=0.15, lw=0,
        )  # fmt: skip
    axis.set_xlabel('normalized layer index')
    axis.set_ylabel('feature cosine distance')
    axis.set_ylim(0)
    axis.legend()
    axis.grid(alpha=0.3)
    figure.tight_layout()
    save_figure(figure, path)
