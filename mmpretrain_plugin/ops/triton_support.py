"""Optional import of Triton, and the check whether its kernels can run."""

import os

import torch
from torch import Tensor

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = tl = None

__all__ = ['can_run_triton', 'tl', 'triton']


def can_run_triton(x: Tensor) -> bool:
    """Return whether the Triton kernels of this package accept x.

    They accumulate in fp32, so float64 is excluded. Under ``torch.compile``
    inductor fuses PyTorch's operations itself, and ``torch.jit.trace`` has to
    record them; both get the plain operations.

    Args:
        x: Input of the operator.
    """
    if triton is None or x.dtype == torch.float64:
        return False
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return x.is_cuda or os.environ.get('TRITON_INTERPRET') == '1'
