"""The depthwise convolution of visible patches, each with a halo around it.

Its meaning is ``PackedLayout.plain_depthwise_conv``, which convolves the whole
image and so computes hidden sites too. Here every visible patch is gathered
with the margin that the kernel reaches, and convolved without padding: only
visible sites are computed. It is what is fastest on a CPU.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .neighbors import Neighbors
from .precision import compute_dtype, no_autocast
from .window_products import add_products, tiles_at_once


def halo_depthwise(
    x: Tensor, weight: Tensor, bias: Tensor, neighbors: Neighbors
) -> Tensor:
    """Convolve the sites of visible patches; hidden ones read as zero.

    Args:
        x: Sites (N, V, p * p, C) in (row, column) order.
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).
        neighbors: The neighbors of the patches.

    Returns:
        Tensor of the shape of x.
    """
    side = math.isqrt(x.shape[2])
    table = neighbors.of_sites(side, weight.shape[-1] // 2)
    dtype = compute_dtype(x)
    with no_autocast(x):
        return HaloDepthwise.apply(x.to(dtype), weight, bias, table)


class HaloDepthwise(torch.autograd.Function):
    """Gather with halo, convolve; both gradients read through the table."""

    @staticmethod
    def forward(
        ctx: object, x: Tensor, weight: Tensor, bias: Tensor, table: Tensor
    ) -> Tensor:
        """Convolve, and keep the packed sites alone."""
        ctx.save_for_backward(x, weight, table)
        return convolve(x, weight, bias, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of x is the convolution with the kernel turned."""
        x, weight, table = ctx.saved_tensors
        with no_autocast(grad):
            d_x = convolve(grad, weight.flip(2, 3), None, table)
            d_weight = weight_gradient(x, grad, table, weight.shape[-1])
        d_bias = grad.flatten(0, 2).sum(0, dtype=d_weight.dtype)
        return d_x, d_weight.to(weight.dtype), d_bias.to(weight.dtype), None


def gather(x: Tensor, table: Tensor) -> Tensor:
    """Gather patches with their halos: (N V, q, q, C)."""
    rows = x.reshape(-1, x.shape[-1])
    rows = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
    return rows.index_select(0, table.flatten()).view(*table.shape, -1)


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, table: Tensor
) -> Tensor:
    """Convolve patches with their halos, without padding, in x's type."""
    halos = gather(x, table).permute(0, 3, 1, 2)
    bias = None if bias is None else bias.to(x.dtype)
    y = F.conv2d(halos, weight.to(x.dtype), bias, groups=weight.shape[0])
    return y.permute(0, 2, 3, 1).reshape(x.shape)


def weight_gradient(x: Tensor, grad: Tensor, table: Tensor, k: int) -> Tensor:
    """Sum site times window over all sites: (C, 1, k, k), in fp32 at least.

    Patches go in groups whose windows, (group, k, k, C), stay in the cache.
    """
    channels = x.shape[-1]
    side = table.shape[1] - k + 1
    wide = torch.promote_types(x.dtype, torch.float32)
    halos = gather(x, table).to(wide)
    grad = grad.reshape(len(table), side, side, channels).to(wide)
    group = min(len(table), tiles_at_once(k, channels))
    windows = halos.new_zeros(group, k, k, channels)
    for start in range(0, len(table), group):
        some = slice(start, start + group)
        add_products(windows[: len(grad[some])], halos[some], grad[some])
    return windows.sum(0).permute(2, 0, 1).unsqueeze(1)
