"""Depthwise convolution of packed feature maps: visible patches only."""

import torch
from torch import Tensor

from ..triton_support import can_run_triton
from ..visible_patches import VisiblePatches
from .comparison import compare_depthwise_conv
from .dense import plain_depthwise_conv
from .halo import halo_depthwise_conv
from .triton import triton_depthwise_conv


def packed_depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor, patches: VisiblePatches
) -> Tensor:
    """Convolve the positions of visible patches; hidden ones read as zero.

    Equals :func:`plain_packed_depthwise_conv` in values and gradients, and
    selects the fastest implementation for the device of x.

    Args:
        x: Positions (N, V, p * p, C) in (row, column) order.
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).
        patches: The visible patches.

    Returns:
        Tensor of the shape of x, in the autocast type if autocast is on.
    """
    if can_run_triton(x, compare_depthwise_conv):
        return triton_depthwise_conv(x, weight, bias, patches)
    if x.device.type == 'cpu' and not torch.compiler.is_compiling():
        return halo_depthwise_conv(x, weight, bias, patches)
    return plain_packed_depthwise_conv(x, weight, bias, patches)


def plain_packed_depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor, patches: VisiblePatches
) -> Tensor:
    """Compute :func:`packed_depthwise_conv` on the grid of the image.

    It scatters visible positions into zeros, convolves the complete feature
    map and gathers the visible positions.
    """
    y = plain_depthwise_conv(patches.scatter(x), weight, bias)
    return patches.gather(y)
