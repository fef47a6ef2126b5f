"""Comparison of the Triton kernels of GELU and norms with float64."""

import torch
import torch.nn.functional as F

from ..triton_support import relative_error
from .triton import triton_gelu_norms_backward, triton_gelu_norms_forward

CHANNELS = 72
# One image of each: less than a warp, and more than a tile.
POSITIONS = (1, 2, 67)


def compare_gelu_norms(device: torch.device, dtype: torch.dtype) -> float:
    """Return the largest relative error of results and gradients.

    Args:
        device: Device on which the kernels run.
        dtype: Type of the activations.
    """
    return max(_compare(count, device, dtype) for count in POSITIONS)


def _compare(
    positions: int, device: torch.device, dtype: torch.dtype
) -> float:
    generator = torch.Generator().manual_seed(positions)
    shape = 2, 2, positions, CHANNELS
    a, d_h = (2 * torch.randn(shape, generator=generator)).to(dtype)
    ratio = torch.randn(2, CHANNELS, generator=generator)
    # Norms and the product with the ratio are of the rounded activations.
    h = F.gelu(a.double()).to(dtype).double()
    total = d_h.double() + h * ratio.double()[:, None]
    d_a = torch.ops.aten.gelu_backward(total, a.double())
    with torch.no_grad():
        narrow = a.to(device)
        got, norms = triton_gelu_norms_forward(narrow, in_place=False)
        over, norms_over = triton_gelu_norms_forward(
            narrow.clone(), in_place=True
        )
        got_d_a, got_sum = triton_gelu_norms_backward(
            d_h.to(device), narrow, ratio.to(device)
        )
    wanted_norms = torch.linalg.vector_norm(h, dim=1)
    pairs = [
        (got, h), (over, h), (norms, wanted_norms),
        (norms_over, wanted_norms), (got_d_a, d_a),
        (got_sum, d_a.sum((0, 1))),
    ]  # fmt: skip
    return max(relative_error(*pair) for pair in pairs)
