"""Between maps of the encoder and patches of the image."""

import torch
from torch import Tensor, nn

from ..layouts import DenseLayout
from ..masking import enlarge


def check_patch(patch_size: int, feature_stride: int) -> None:
    """Refuse patches that are not whole cells.

    Raises:
        ValueError: If ``feature_stride`` does not divide ``patch_size``.
    """
    if patch_size % feature_stride:
        raise ValueError(
            f'patch_size {patch_size} must be a multiple of feature_stride '
            f'{feature_stride}'
        )


def run_blocks(x: Tensor, blocks: nn.Sequential) -> Tensor:
    """Run ConvNeXt V2 blocks on a map (N, C, H', W'), nothing hidden."""
    layout = DenseLayout()
    x = layout.enter(x)
    for block in blocks:
        x = block(x, layout)
    return layout.leave(x)


def fill_hidden(x: Tensor, mask: Tensor, token: Tensor) -> Tensor:
    """Put a token at the hidden cells of a map.

    Args:
        x: Map (N, C, H', W').
        mask: Mask of patches, bool (N, h, w), True = hidden.
        token: The token, (1, C, 1, 1).

    Returns:
        Map of the same shape.

    Raises:
        ValueError: If map and mask do not cover the same image.
    """
    rows, columns = mask.shape[1:]
    cells = x.shape[2] // rows
    if cells == 0 or x.shape[2:] != (rows * cells, columns * cells):
        raise ValueError(
            f'a map of {tuple(x.shape[2:])} cells does not fit a mask of '
            f'{rows}x{columns} patches'
        )
    hidden = enlarge(mask.to(x.device, non_blocking=True), cells).unsqueeze(1)
    return torch.where(hidden, token.to(x.dtype), x)


def order_by_patch(x: Tensor, grid: tuple[int, int], stride: int) -> Tensor:
    """Order predicted pixels by patch, row, column, channel.

    Args:
        x: Pixels of every cell, (N, stride² * C, H', W'), each cell's in the
            order (row, column, channel).
        grid: Patches per column and row of the image, (h, w).
        stride: Pixels per cell.

    Returns:
        Prediction (N, h * w, patch_size² * C), pixels of a patch in the order
        (row, column, channel).
    """
    batch, pixels, height, width = x.shape
    (h, w), s = grid, stride
    cells = height // h
    # (N, s, s, C, h, cells, w, cells) -> (N, h, w, cells, s, cells, s, C)
    x = x.view(batch, s, s, pixels // s**2, h, cells, w, width // w)
    x = x.permute(0, 4, 6, 5, 1, 7, 2, 3)
    return x.reshape(batch, h * w, -1)
