"""Comparison of the Triton kernels of LayerNorm with PyTorch in float64."""

import torch
import torch.nn.functional as F

from ..triton_support import relative_error
from .triton import triton_layer_norm_backward, triton_layer_norm_forward

# Neither fills a tile.
ROWS, CHANNELS = 37, 40
EPS = 1e-6


def compare_layer_norm(device: torch.device, dtype: torch.dtype) -> float:
    """Return the largest relative error of results and gradients.

    Args:
        device: Device on which the kernels run.
        dtype: Type of input and result; weights are fp32.
    """
    generator = torch.Generator().manual_seed(0)
    x, d_z = torch.randn(2, 2, ROWS, CHANNELS, generator=generator).to(dtype)
    weight, bias = 1 + torch.randn(2, CHANNELS, generator=generator)
    with torch.enable_grad():
        exact = [v.double().requires_grad_() for v in (x, weight, bias)]
        z = F.layer_norm(exact[0], (CHANNELS,), exact[1], exact[2], EPS)
        wanted = torch.autograd.grad(z, exact, d_z.double())
    with torch.no_grad():
        x, d_z, weight, bias = (v.to(device) for v in (x, d_z, weight, bias))
        got, mean, rstd = triton_layer_norm_forward(
            x, weight, bias, EPS, dtype
        )
        found = triton_layer_norm_backward(d_z, x, mean, rstd, weight)
    pairs = [(got, z.detach()), *zip(found, wanted)]
    return max(relative_error(*pair) for pair in pairs)
