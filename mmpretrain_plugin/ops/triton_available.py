"""Triton, where there is a wheel of it for the platform, and where it runs."""

import os

import torch
from torch import Tensor

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = tl = None

__all__ = ['is_available', 'tl', 'triton']


def is_available(x: Tensor) -> bool:
    """Tell whether kernels take x.

    They sum in fp32, so not in float64. A compiler fuses operations by
    itself, and a tracer is to see them.
    """
    if triton is None or x.dtype == torch.float64:
        return False
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return x.is_cuda or os.environ.get('TRITON_INTERPRET') == '1'
