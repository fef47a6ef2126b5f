"""Depthwise convolution of visible patches with halos, fastest on a CPU.

Every visible patch is gathered with the margin that the kernel reaches (its
halo) and convolved without padding, so only visible positions are computed.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..autocast import compute_dtype, no_autocast
from ..visible_patches import VisiblePatches
from .window_products import add_window_products, tiles_at_once


def halo_depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor, patches: VisiblePatches
) -> Tensor:
    """Compute ``packed_depthwise_conv`` by gathering patches with halos.

    Args:
        x: Positions (N, V, p * p, C) in (row, column) order.
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).
        patches: The visible patches.

    Returns:
        Tensor of the shape of x.
    """
    side = math.isqrt(x.shape[2])
    table = patches.halo_table(side, weight.shape[-1] // 2)
    dtype = compute_dtype(x)
    with no_autocast(x):
        return HaloDepthwiseConv.apply(x.to(dtype), weight, bias, table)


class HaloDepthwiseConv(torch.autograd.Function):
    """Gather with halos and convolve, forward and backward."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, table: Tensor
    ) -> Tensor:
        """Convolve, and save only the packed positions for backward."""
        ctx.save_for_backward(x, weight, table)
        return _convolve(x, weight, bias, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Convolve with the flipped kernel, and sum the kernel's gradient."""
        x, weight, table = ctx.saved_tensors
        with no_autocast(grad):
            d_x = _convolve(grad, weight.flip(2, 3), None, table)
            d_weight = _weight_gradient(x, grad, table, weight.shape[-1])
        d_bias = grad.flatten(0, 2).sum(0, dtype=d_weight.dtype)
        return d_x, d_weight.to(weight.dtype), d_bias.to(weight.dtype), None


def _gather(x: Tensor, table: Tensor) -> Tensor:
    """Gather patches with their halos: (N V, q, q, C)."""
    rows = x.reshape(-1, x.shape[-1])
    rows = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
    return rows.index_select(0, table.flatten()).view(*table.shape, -1)


def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, table: Tensor
) -> Tensor:
    """Convolve patches with their halos, without padding, in x's type."""
    halos = _gather(x, table).permute(0, 3, 1, 2)
    bias = None if bias is None else bias.to(x.dtype)
    y = F.conv2d(halos, weight.to(x.dtype), bias, groups=weight.shape[0])
    return y.permute(0, 2, 3, 1).reshape(x.shape)


def _weight_gradient(x: Tensor, grad: Tensor, table: Tensor, k: int) -> Tensor:
    """Sum gradient times window over positions: (C, 1, k, k), fp32 or wider.

    Patches are processed in groups whose sums, (group, k, k, C), stay in the
    cache.
    """
    channels = x.shape[-1]
    side = table.shape[1] - k + 1
    wide = torch.promote_types(x.dtype, torch.float32)
    halos = _gather(x, table).to(wide)
    grad = grad.reshape(len(table), side, side, channels).to(wide)
    group = min(len(table), tiles_at_once(k, channels))
    sums = halos.new_zeros(group, k, k, channels)
    for start in range(0, len(table), group):
        some = slice(start, start + group)
        add_window_products(sums[: len(grad[some])], halos[some], grad[some])
    return sums.sum(0).permute(2, 0, 1).unsqueeze(1)
