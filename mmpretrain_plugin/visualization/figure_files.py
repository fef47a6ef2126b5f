"""Figures written completely or not at all."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ..output_files import complete_file


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure and close it; a failure leaves no file.

    Args:
        figure: The figure.
        path: PNG file to write; its folder is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with complete_file(path) as part:
            figure.savefig(part, dpi=110, format='png')
    finally:
        plt.close(figure)
