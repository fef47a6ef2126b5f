"""Depthwise convolution with a fast gradient of the kernel on a CPU.

Forward and the input's gradient are PyTorch's convolution; the kernel's
gradient is summed over tiles (``window_products.py``).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..autocast import compute_dtype, no_autocast
from .window_products import add_window_products, tiles_at_once

# Positions per side of a tile.
TILE = 8


def tiled_depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Compute ``depthwise_conv`` with the tiled gradient of the kernel.

    Args:
        x: Feature map (N, H, W, C).
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).

    Returns:
        Tensor of the shape of x.
    """
    dtype = compute_dtype(x)
    with no_autocast(x):
        return TiledDepthwiseConv.apply(x.to(dtype), weight, bias)


class TiledDepthwiseConv(torch.autograd.Function):
    """Depthwise convolution whose kernel gradient is summed over tiles."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Convolve, and save the input for backward."""
        ctx.save_for_backward(x, weight)
        return _convolve(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Convolve with the flipped kernel, and sum the kernel's gradient."""
        x, weight = ctx.saved_tensors
        with no_autocast(grad):
            d_x = _convolve(grad, weight.flip(2, 3), None)
            d_weight = _weight_gradient(x, grad, weight.shape[-1])
        d_bias = grad.sum(dim=(0, 1, 2), dtype=d_weight.dtype)
        return d_x, d_weight.to(weight.dtype), d_bias.to(weight.dtype)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve (N, H, W, C) in the type of x."""
    y = F.conv2d(
        x.permute(0, 3, 1, 2),
        weight.to(x.dtype),
        None if bias is None else bias.to(x.dtype),
        padding=weight.shape[-1] // 2,
        groups=weight.shape[0],
    )
    return y.permute(0, 2, 3, 1)


def _weight_gradient(x: Tensor, grad: Tensor, k: int) -> Tensor:
    """Sum gradient times window over positions: (C, 1, k, k), fp32 or wider.

    Feature maps are padded to full tiles with zeros, which add nothing.
    """
    height, width, channels = x.shape[1:]
    tile = min(TILE, height, width)
    below, right, margin = -height % tile, -width % tile, k // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    sides = (0, 0, margin, margin + right, margin, margin + below)
    halos = F.pad(x.to(wide), sides)
    halos = halos.unfold(1, tile + k - 1, tile).unfold(2, tile + k - 1, tile)
    halos = halos.permute(0, 1, 2, 4, 5, 3)
    grads = F.pad(grad.to(wide), (0, 0, 0, right, 0, below))
    grads = grads.unfold(1, tile, tile).unfold(2, tile, tile)
    grads = grads.permute(0, 1, 2, 4, 5, 3)
    down, across = halos.shape[1:3]
    limit = tiles_at_once(k, channels)
    images = max(1, min(len(x), limit // (down * across)))
    rows = min(down, max(1, limit // across))
    sums = halos.new_zeros(images, rows, across, k, k, channels)
    for first in range(0, len(x), images):
        for top in range(0, down, rows):
            part = slice(first, first + images), slice(top, top + rows)
            some = halos[part]
            own = sums[: some.shape[0], : some.shape[1]]
            add_window_products(own, some, grads[part])
    return sums.sum((0, 1, 2)).permute(2, 0, 1).unsqueeze(1)
