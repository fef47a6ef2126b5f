"""The depthwise convolution of whole images, with a fast gradient on a CPU.

Its meaning is ``torch.nn.functional.conv2d`` and its gradient; the kernel's
gradient is summed over tiles (``window_products.py``).
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .precision import compute_dtype, no_autocast
from .window_products import add_products, tiles_at_once

TILE = 8


def is_faster(x: Tensor) -> bool:
    """Tell where it is: in eager training on a CPU."""
    return (
        x.device.type == 'cpu'
        and torch.is_grad_enabled()
        and not torch.jit.is_tracing()
        and not torch.compiler.is_compiling()
    )


def tiled_depthwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve with zeros around the images.

    Args:
        x: Sites (N, H, W, C).
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).

    Returns:
        Tensor of the shape of x.
    """
    dtype = compute_dtype(x)
    with no_autocast(x):
        return TiledDepthwise.apply(x.to(dtype), weight, bias)


class TiledDepthwise(torch.autograd.Function):
    """The library's convolution twice, and our sum over tiles."""

    @staticmethod
    def forward(
        ctx: object, x: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        """Convolve, and keep the input."""
        ctx.save_for_backward(x, weight)
        return convolve(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of x is the convolution with the kernel turned."""
        x, weight = ctx.saved_tensors
        with no_autocast(grad):
            d_x = convolve(grad, weight.flip(2, 3), None)
            d_weight = weight_gradient(x, grad, weight.shape[-1])
        d_bias = grad.sum(dim=(0, 1, 2), dtype=d_weight.dtype)
        return d_x, d_weight.to(weight.dtype), d_bias.to(weight.dtype)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve (N, H, W, C), whose permuted view is channels-last memory."""
    y = F.conv2d(
        x.permute(0, 3, 1, 2),
        weight.to(x.dtype),
        None if bias is None else bias.to(x.dtype),
        padding=weight.shape[-1] // 2,
        groups=weight.shape[0],
    )
    return y.permute(0, 2, 3, 1)


def weight_gradient(x: Tensor, grad: Tensor, k: int) -> Tensor:
    """Sum slope times window over all sites: (C, 1, k, k), in fp32 at least.

    Images are filled up to whole tiles with zeros, which add nothing.
    """
    height, width, channels = x.shape[1:]
    tile = min(TILE, height, width)
    below, right, margin = -height % tile, -width % tile, k // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    sides = (0, 0, margin, margin + right, margin, margin + below)
    halos = F.pad(x.to(wide), sides)
    halos = halos.unfold(1, tile + k - 1, tile).unfold(2, tile + k - 1, tile)
    halos = halos.permute(0, 1, 2, 4, 5, 3)
    slopes = F.pad(grad.to(wide), (0, 0, 0, right, 0, below))
    slopes = slopes.unfold(1, tile, tile).unfold(2, tile, tile)
    slopes = slopes.permute(0, 1, 2, 4, 5, 3)
    across = halos.shape[2]
    rows = max(1, tiles_at_once(k, channels) // across)
    rows = min(rows, halos.shape[1])
    windows = halos.new_zeros(rows, across, k, k, channels)
    for image in range(len(x)):
        for start in range(0, halos.shape[1], rows):
            part = slice(start, start + rows)
            some = halos[image, part]
            add_products(windows[: len(some)], some, slopes[image, part])
    return windows.sum((0, 1)).permute(2, 0, 1).unsqueeze(1)
