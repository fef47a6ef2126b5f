"""Depthwise convolution of channels-last feature maps."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .tiled import tiled_depthwise_conv


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve every channel with its own kernel, zero-padded to x's size.

    Equals :func:`plain_depthwise_conv` in values and gradients. Eager
    training on a CPU gets a faster gradient of the kernel.

    Args:
        x: Feature map (N, H, W, C).
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).

    Returns:
        Tensor of the shape of x, in the autocast type if autocast is on.
    """
    if _is_eager_cpu_training(x):
        return tiled_depthwise_conv(x, weight, bias)
    return plain_depthwise_conv(x, weight, bias)


def plain_depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Compute :func:`depthwise_conv` by PyTorch's convolution.

    The permuted view of x is channels-last memory to PyTorch, so no direction
    copies.
    """
    y = F.conv2d(
        x.permute(0, 3, 1, 2),
        weight,
        bias,
        padding=weight.shape[-1] // 2,
        groups=weight.shape[0],
    )
    return y.permute(0, 2, 3, 1)


def _is_eager_cpu_training(x: Tensor) -> bool:
    return (
        x.device.type == 'cpu'
        and torch.is_grad_enabled()
        and not torch.jit.is_tracing()
        and not torch.compiler.is_compiling()
    )
