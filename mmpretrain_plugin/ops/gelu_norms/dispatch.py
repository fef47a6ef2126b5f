"""GELU with the norms of GRN, forward and backward, on any device."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..triton_support import can_run_triton
from .comparison import compare_gelu_norms
from .triton import triton_gelu_norms_backward, triton_gelu_norms_forward

# Elements whose squares stay in the cache of a CPU core.
CACHED = 2**17

gelu_backward = torch.ops.aten.gelu_backward


def gelu_norms_forward(
    a: Tensor, in_place: bool, has_norms: bool
) -> tuple[Tensor, Tensor | None]:
    """Apply GELU, and compute the norms of the activations.

    Args:
        a: Expanded features (N, T, K).
        in_place: Whether to overwrite them with the activations.
        has_norms: Whether the norms are needed, by a GRN.

    Returns:
        The activations (N, T, K), and their L2 norms over the positions of
        each image (N, K) in fp32 or wider, or None.
    """
    if has_norms and can_run_triton(a, compare_gelu_norms):
        return triton_gelu_norms_forward(a, in_place)
    h = torch.ops.aten.gelu_(a) if in_place else F.gelu(a)
    if not has_norms:
        return h, None
    return h, _norms(h)


def _norms(h: Tensor) -> Tensor:
    """Return the L2 norms over positions (N, K) of h (N, T, K)."""
    # The sum of squares over 256² positions exceeds the range of fp16.
    wide = torch.promote_types(h.dtype, torch.float32)
    compiles = torch.compiler.is_compiling()
    if h.device.type != 'cpu' or compiles or not h.numel():
        return torch.linalg.vector_norm(h, dim=1, dtype=wide)
    # On a CPU vector_norm is slow over a dimension that is not the last one.
    # Squares of few positions at a time stay in the cache.
    sums = h.new_zeros(len(h), h.shape[-1], dtype=wide)
    rows = max(1, CACHED // h.shape[-1])
    for image, total in zip(h, sums):
        for part in image.split(rows):
            total += part.to(wide).square().sum(0)
    return sums.sqrt()


def gelu_norms_backward(
    d_h: Tensor, a: Tensor, h: Tensor, ratio: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Compute the gradient of norms and GELU, overwriting d_h.

    Args:
        d_h: Gradient of the activations without the part through their norms,
            (N, T, K).
        a: Expanded features (N, T, K).
        h: Activations (N, T, K).
        ratio: Gradient of the norms divided by the norms, (N, K), or None
            without norms.

    Returns:
        The gradient of a, and its sum over positions and images (K).
    """
    if can_run_triton(a, compare_gelu_norms):
        return triton_gelu_norms_backward(d_h, a, ratio)
    wide = torch.promote_types(a.dtype, torch.float32)
    if ratio is not None:
        # The ratio can be large where h is small: the sum needs fp32.
        d_h = d_h.to(wide).addcmul_(h.to(wide), ratio[:, None]).to(a.dtype)
    if torch.compiler.is_compiling():
        d_a = gelu_backward(d_h, a)
    else:
        d_a = gelu_backward.grad_input(d_h, a, grad_input=d_h)
    return d_a, d_a.sum(dim=(0, 1), dtype=wide)
