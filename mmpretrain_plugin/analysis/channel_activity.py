"""Dead and saturated feature maps (paper, section 4 and Figure 3).

The paper calls feature maps dead or saturated by eye. Here both words have a
definition that does not depend on the scale of the features.
"""

from torch import Tensor

# A channel is silent below this fraction of the mean norm of the channels.
SILENT = 0.01
# A channel is saturated if its standard deviation is below this fraction of
# its root mean square, so that at least 99% of its energy is its mean.
SATURATED = 0.1


def silent_channels(features: Tensor, tolerance: float = SILENT) -> Tensor:
    """Return which channels of each image are silent (dead).

    A channel is silent in an image if its L2 norm over the positions is at
    most ``tolerance`` times the mean of the norms of all channels.

    Args:
        features: Activations, channels last, (N, ..., C).
        tolerance: Fraction of the mean norm; 0: only channels that are zero
            at every position.

    Returns:
        A bool tensor (N, C).
    """
    _, mean_square = _moments(features)
    norms = mean_square.sqrt()  # up to a factor that all channels share
    return norms <= tolerance * norms.mean(dim=-1, keepdim=True)


def saturated_channels(
    features: Tensor, tolerance: float = SATURATED
) -> Tensor:
    """Return which channels of each image are saturated.

    A channel is saturated in an image if it is not silent and hardly varies
    over the positions: its standard deviation is at most ``tolerance`` times
    its root mean square.

    Args:
        features: Activations, channels last, (N, ..., C).
        tolerance: Fraction of the root mean square.

    Returns:
        A bool tensor (N, C).

    Raises:
        ValueError: If there is only one position, where nothing can vary.
    """
    if features.flatten(1, -2).shape[1] < 2:
        raise ValueError(
            'saturation needs two or more positions per image, got features '
            f'of shape {tuple(features.shape)}; use larger images'
        )
    mean, mean_square = _moments(features)
    variance = (mean_square - mean.square()).clamp(min=0)
    constant = variance.sqrt() <= tolerance * mean_square.sqrt()
    return constant & ~silent_channels(features)


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and mean square over the positions, each (N, C).

    In fp64 their difference has at least 10 digits for any channel that
    ``SATURATED`` has to judge.
    """
    x = features.flatten(1, -2).double()
    return x.mean(dim=1), x.square().mean(dim=1)
