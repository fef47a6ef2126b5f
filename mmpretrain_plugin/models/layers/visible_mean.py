"""Averages over the visible positions of a feature map."""

import torch
from torch import Tensor

from ..layouts import DenseLayout, PackedLayout


def visible_positions(h: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
    """Return 1 at visible and 0 at hidden positions, in the type of h.

    Args:
        h: Features of a layout, (N, ..., K).
        layout: The layout of h.

    Returns:
        Tensor (N, ..., 1). The packed layout stores visible positions only.
    """
    return layout.hide(torch.ones_like(h[..., :1]))


def visible_mean(
    h: Tensor, layout: DenseLayout | PackedLayout, axes: tuple[int, ...]
) -> Tensor:
    """Average every channel over the visible positions along some axes.

    Args:
        h: Features of a layout, (N, ..., K).
        layout: The layout of h.
        axes: Axes of positions and, if it contains 0, of images.

    Returns:
        Mean in fp32 or wider, these axes reduced to length 1; 0 if nothing is
        visible.
    """
    # fp16 has no integers above 2048 without gaps.
    x = h.to(torch.promote_types(h.dtype, torch.float32))
    count = visible_positions(x, layout).sum(axes, keepdim=True)
    return layout.hide(x).sum(axes, keepdim=True) / count.clamp(min=1)
