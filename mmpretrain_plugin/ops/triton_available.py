"""Triton, where there is a wheel of it for the platform, and where it runs."""

import os

from torch import Tensor

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = tl = None

__all__ = ['is_available', 'tl', 'triton']


def is_available(x: Tensor) -> bool:
    """Tell whether kernels can run where x is."""
    if triton is None:
        return False
    return x.is_cuda or os.environ.get('TRITON_INTERPRET') == '1'
