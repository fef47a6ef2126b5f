"""Figures written completely or not at all."""

import secrets
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure and close it; a failure leaves no file.

    Args:
        figure: The figure.
        path: PNG file to write; its folder is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{secrets.token_hex(8)}.part')
    try:
        figure.savefig(part, dpi=110, format='png')
        part.replace(path)
    finally:
        plt.close(figure)
        part.unlink(missing_ok=True)
