"""LayerNorm over channels, forward and backward, on any device."""

import torch
from torch import Tensor

from ..triton_support import can_run_triton
from .comparison import compare_layer_norm
from .triton import triton_layer_norm_backward, triton_layer_norm_forward


def layer_norm_forward(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize the last axis.

    Args:
        x: Input (..., C).
        weight: Weight (C).
        bias: Bias (C).
        eps: Added to the variance.
        dtype: Type of the result.

    Returns:
        The result (..., C), and means and inverse standard deviations
        (..., 1) in fp32 or wider.
    """
    if can_run_triton(x, compare_layer_norm):
        return triton_layer_norm_forward(x, weight, bias, eps, dtype)
    z, mean, rstd = torch.native_layer_norm(
        x.to(weight.dtype), x.shape[-1:], weight, bias, eps
    )
    return z.to(dtype), mean, rstd


def layer_norm_backward(
    d_z: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor,
    bias: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of input, weight and bias.

    Args:
        d_z: Gradient of the result (..., C).
        x: Input (..., C).
        mean: Means from :func:`layer_norm_forward` (..., 1).
        rstd: Inverse standard deviations from it (..., 1).
        weight: Weight (C).
        bias: Bias (C).
    """
    if can_run_triton(x, compare_layer_norm):
        return triton_layer_norm_backward(d_z, x, mean, rstd, weight)
    return torch.ops.aten.native_layer_norm_backward(
        d_z.to(weight.dtype), x.to(weight.dtype), x.shape[-1:], mean,
        rstd, weight, bias, [True, True, True],
    )  # fmt: skip
