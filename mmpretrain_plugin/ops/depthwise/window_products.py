"""Gradient of a depthwise kernel on a CPU, summed over windows in the cache.

The gradient of tap (i, j) is the sum over positions of the output gradient
times the input i rows and j columns further. PyTorch's CPU convolution takes
about ten times as long for it as for the convolution. Here the positions at
the same place in many tiles are multiplied by their k x k windows at once, and
the sums stay in the cache.
"""

from torch import Tensor

# Elements of the sums, few enough to stay in the cache of a CPU core.
CACHED = 2**19


def tiles_at_once(k: int, channels: int) -> int:
    """Return how many tiles to process at once with their sums in the cache.

    Args:
        k: Side of the kernel.
        channels: Number of channels.
    """
    return max(1, CACHED // (k * k * channels))


def add_window_products(sums: Tensor, halos: Tensor, grads: Tensor) -> None:
    """Add output gradient times window for every position of some tiles.

    Args:
        sums: Sums so far, (..., k, k, C), changed in place.
        halos: Tiles with a margin, (..., p + k - 1, p + k - 1, C).
        grads: Output gradients at the positions of the tiles, (..., p, p, C).
    """
    k = sums.shape[-2]
    for i in range(grads.shape[-3]):
        for j in range(grads.shape[-2]):
            sums.addcmul_(
                halos[..., i : i + k, j : j + k, :],
                grads[..., i, j, :][..., None, None, :],
            )
