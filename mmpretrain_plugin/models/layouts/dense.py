"""Dense layout: all positions are computed, hidden ones are set to zero.

It reads like the definition of a sparse encoder, and the packed layout
(``packed.py``) is tested against it. Without a mask it is the ordinary
convolutional network.
"""

from torch import Tensor, nn

from ...ops import depthwise_conv
from ..masking import enlarge
from ..unmodified import is_unmodified


class DenseLayout:
    """Feature maps of complete images, channels last: ``(N, H, W, C)``.

    Args:
        mask: Mask of patches (N, h, w), True = hidden, on the device of the
            features, or None.
    """

    def __init__(self, mask: Tensor | None = None) -> None:
        self.mask = mask
        self._hidden: dict[int, Tensor] = {}

    @property
    def has_hidden_positions(self) -> bool:
        """Whether positions exist that must not enter any statistic."""
        return self.mask is not None

    def enter(self, images: Tensor) -> Tensor:
        """Convert images (N, C, H, W) to (N, H, W, C), hidden pixels zero."""
        return self.hide(images.permute(0, 2, 3, 1))

    def leave(self, x: Tensor) -> Tensor:
        """Convert positions (N, H, W, C) to a feature map (N, C, H, W)."""
        return x.permute(0, 3, 1, 2)

    def hide(self, x: Tensor, value: float = 0.0) -> Tensor:
        """Set hidden positions of x (N, H, W, C) to a value, NaN included."""
        if self.mask is None:
            return x
        factor = x.shape[1] // self.mask.shape[1]
        if factor not in self._hidden:
            self._hidden[factor] = enlarge(self.mask, factor).unsqueeze(-1)
        return x.masked_fill(self._hidden[factor], value)

    def patch_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Apply a convolution whose stride is its kernel size."""
        return conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def depthwise_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Convolve x (N, H, W, C), whose hidden positions must be zero."""
        if is_unmodified(conv, nn.Conv2d):
            return depthwise_conv(x, conv.weight, conv.bias)
        return conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
