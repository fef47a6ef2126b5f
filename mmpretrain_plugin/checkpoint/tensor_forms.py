"""Shapes that checkpoint formats give to the same weight."""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class TensorForm(NamedTuple):
    """How a format shapes a tensor.

    Attributes:
        write: Converts from this project's shape to that of the format.
        read: Converts back, also from other shapes that published files have.
    """

    write: Callable[[Tensor], Tensor]
    read: Callable[[Tensor], Tensor]


def read_kernel(t: Tensor) -> Tensor:
    """Convert a MinkowskiEngine kernel to a convolution weight.

    Args:
        t: (k * k, in, out), or (k * k, C) for a depthwise convolution. The
            first index counts x slowly and y fast.

    Returns:
        (out, in, k, k) or (C, 1, k, k).
    """
    side = math.isqrt(t.shape[0])
    t = t.unsqueeze(1) if t.dim() == 2 else t
    # (x * y, in, out) -> (out, in, x, y) -> (out, in, y, x)
    return t.permute(2, 1, 0).unflatten(2, (side, side)).transpose(2, 3)


def write_kernel(t: Tensor) -> Tensor:
    """Convert the weight of a dense convolution to a Minkowski kernel."""
    return t.transpose(2, 3).flatten(2).permute(2, 1, 0)


def read_linear(t: Tensor) -> Tensor:
    """Convert the weight of a 1x1 convolution to that of a linear layer."""
    return t.flatten(1) if t.dim() == 4 and t.shape[2:] == (1, 1) else t


def read_vector(t: Tensor) -> Tensor:
    """Remove sides of length one around a vector.

    Raises:
        RuntimeError: If more than one side is longer.
    """
    if sum(side != 1 for side in t.shape) > 1:
        raise RuntimeError('it is not a vector')
    return t.flatten()


# By their names in the third column of a key table.
TENSOR_FORMS = {
    'same': TensorForm(lambda t: t, lambda t: t),
    'linear': TensorForm(lambda t: t, read_linear),
    'vector': TensorForm(lambda t: t, read_vector),
    '(1, C)': TensorForm(lambda t: t.unsqueeze(0), read_vector),
    '(1, 1, 1, C)': TensorForm(lambda t: t.view(1, 1, 1, -1), read_vector),
    '(C, 1, 1)': TensorForm(lambda t: t.view(-1, 1, 1), read_vector),
    'kernel': TensorForm(write_kernel, read_kernel),
    'depthwise kernel': TensorForm(
        lambda t: write_kernel(t).squeeze(1), read_kernel
    ),
}
