"""The gradient of a depthwise kernel on a CPU, as products of whole windows.

The gradient of tap (i, j) is the sum over sites of the slope at a site times
the input i rows and j columns further. The libraries compute it some ten times
as slowly as the convolution. Here the sites of equal place in many tiles are
taken together: their slopes times their windows, added up in the cache.
"""

from torch import Tensor

# Numbers that stay in a core's cache while they are added to.
CACHED = 2**19


def tiles_at_once(k: int, channels: int) -> int:
    """Tell how many tiles to take, so that their windows stay cached."""
    return max(1, CACHED // (k * k * channels))


def add_products(windows: Tensor, halos: Tensor, slopes: Tensor) -> None:
    """Add slope times window for every site of some tiles.

    Args:
        windows: Sums so far, (..., k, k, C), changed in place.
        halos: Tiles with a margin, (..., p + k - 1, p + k - 1, C).
        slopes: Gradients at the sites of the tiles, (..., p, p, C).
    """
    k = windows.shape[-2]
    for i in range(slopes.shape[-3]):
        for j in range(slopes.shape[-2]):
            windows.addcmul_(
                halos[..., i : i + k, j : j + k, :],
                slopes[..., i, j, :][..., None, None, :],
            )
