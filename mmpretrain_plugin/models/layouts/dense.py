"""The dense layout: all sites are computed, hidden ones are set to zero.

It reads like the definition of a sparse encoder and is the meaning that the
packed layout (``packed.py``) is tested against. Without a mask it is the
ordinary convolutional network.
"""

from torch import Tensor, nn

from ...ops import tiled_depthwise
from ..masking import enlarge


def convolve(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Apply a convolution to x (N, H, W, C).

    The permuted view is what PyTorch calls channels-last memory, so neither
    direction copies.
    """
    return conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class DenseLayout:
    """Sites of whole images, channels last: ``(N, H, W, C)``.

    Args:
        mask: Mask of patches (N, h, w), True = hidden, or None.
    """

    def __init__(self, mask: Tensor | None = None) -> None:
        self.mask = mask
        self._hidden: dict[int, Tensor] = {}

    @property
    def has_hidden_sites(self) -> bool:
        """Whether sites exist that must not enter any statistic."""
        return self.mask is not None

    def enter(self, images: Tensor) -> Tensor:
        """Lay out images (N, C, H, W) as (N, H, W, C), hidden pixels zero."""
        return self.hide(images.permute(0, 2, 3, 1))

    def leave(self, x: Tensor) -> Tensor:
        """Turn sites (N, H, W, C) into a feature map (N, C, H, W)."""
        return x.permute(0, 3, 1, 2)

    def hide(self, x: Tensor) -> Tensor:
        """Set hidden sites of x (N, H, W, C) to zero, whatever they hold."""
        if self.mask is None:
            return x
        factor = x.shape[1] // self.mask.shape[1]
        if factor not in self._hidden:
            self._hidden[factor] = enlarge(self.mask, factor).unsqueeze(-1)
        return x.masked_fill(self._hidden[factor], 0)

    def patch_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Apply a convolution whose stride is its kernel size."""
        return convolve(x, conv)

    def depthwise_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Convolve x (N, H, W, C); hidden sites were zero and read so."""
        if tiled_depthwise.is_faster(x):
            return tiled_depthwise.tiled_depthwise(x, conv.weight, conv.bias)
        return convolve(x, conv)
