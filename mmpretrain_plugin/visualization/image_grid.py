"""Figures with rows of images."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from .figure_files import save_figure


def save_image_grid(
    rows: Sequence[Sequence[np.ndarray | Image.Image]],
    titles: Sequence[str],
    path: Path,
    inches: float = 2.4,
) -> None:
    """Save a figure with rows of images below the titles of the columns.

    Args:
        rows: Images of each row, one per column; arrays are uint8 (H, W, 3).
        titles: Title of each column.
        path: PNG file to write; its folder is created.
        inches: Side of the place of an image.
    """
    figure, axes = plt.subplots(
        len(rows),
        len(titles),
        figsize=(inches * len(titles), inches * len(rows)),
        squeeze=False,
    )
    for axis, title in zip(axes[0], titles):
        axis.set_title(title)
    for axis, image in zip(axes.flat, chain.from_iterable(rows)):
        axis.imshow(image)
        axis.axis('off')
    figure.tight_layout()
    save_figure(figure, path)
