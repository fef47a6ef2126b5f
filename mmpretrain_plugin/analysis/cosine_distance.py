"""Feature cosine distance (paper, section 4 and Figure 4)."""

from typing import NamedTuple

from torch import Tensor


class CosineDistance(NamedTuple):
    """Diversity of the channels of each image.

    Attributes:
        distance: Mean distance over all ordered pairs of channels, (N), in
            [0, 0.5]: 0 if all channels are equal up to a positive factor.
        silent: Number of channels that are zero at every position and thus
            have no direction, (N).
    """

    distance: Tensor
    silent: Tensor


def feature_cosine_distance(features: Tensor) -> CosineDistance:
    """Compute the mean cosine distance between the channels of each image.

    With X_i the activations of channel i as a vector over positions, it is
    the mean of ``(1 - cos(X_i, X_j)) / 2`` over all C² pairs, a channel with
    itself included. With u_i the unit vectors, the mean cosine equals
    ``|sum_i u_i|² / C²``, which needs no loop over pairs.

    A channel that is zero at every position has no direction. It counts as
    the zero vector, so its cosine with every channel, itself included, is 0
    and its distance 0.5: silent channels look diverse here, and are therefore
    counted.

    Args:
        features: Activations, channels last, (N, ..., C).

    Returns:
        Distance and number of silent channels of each image.
    """
    # The squares of very small activations would underflow in fp32.
    x = features.flatten(1, -2).double()
    norms = x.square().sum(dim=1, keepdim=True).sqrt()
    silent = norms == 0
    units = x / norms.masked_fill(silent, 1)
    mean_cosine = units.mean(dim=2).square().sum(dim=1)
    return CosineDistance((1 - mean_cosine) / 2, silent.sum(dim=(1, 2)))
