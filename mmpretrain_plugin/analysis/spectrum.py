"""Effective rank of features.

Roy and Vetterli, The effective rank: a measure of effective dimensionality,
EUSIPCO 2007.
"""

import torch
from torch import Tensor


def effective_rank(features: Tensor) -> Tensor:
    """Compute the exponential entropy of the singular values of each matrix.

    The matrix of an image has a row per position and a column per channel,
    and is not centered. With ``p = singular values / their sum`` the result
    is ``exp(-sum p log p)``: between 1, if all channels are multiples of one
    map, and the smaller side of the matrix. It is 0 for a zero matrix.

    Args:
        features: Activations, channels last, (N, ..., C). For the rank of
            pooled features over images, pass them as (1, images, C).

    Returns:
        Effective rank of each matrix, (N), in float64.
    """
    x = features.flatten(1, -2).double()
    if x.shape[1] > x.shape[2]:
        x = x.transpose(1, 2)
    # The products of the shorter side have the squared singular values as
    # eigenvalues, which is much faster than a singular value decomposition.
    squares = torch.linalg.eigvalsh(x @ x.transpose(1, 2))
    largest = squares.amax(dim=1, keepdim=True)
    noise = largest * squares.shape[1] * torch.finfo(squares.dtype).eps
    values = squares.where(squares > noise, 0).sqrt()
    total = values.sum(dim=1, keepdim=True)
    entropy = torch.special.entr(values / total).sum(dim=1)
    return entropy.exp().where(total[:, 0] > 0, 0)
