"""The input of an exported model: pixels, normalized inside of the graph."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..trained_models import PixelNormalization


class PixelInput(nn.Module):
    """Normalize pixels as the data preprocessor of a config does.

    Args:
        normalization: Mean and standard deviation of each channel.
        divisor: Height and width are padded, on the right and at the bottom,
            to multiples of it.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, normalization: PixelNormalization, divisor: int = 1
    ) -> None:
        super().__init__()
        for name in ('mean', 'std'):
            values = torch.tensor(getattr(normalization, name))
            self.register_buffer(name, values[:, None, None])
        self.divisor = divisor
        self.order = normalization.order

    def forward(self, images: Tensor) -> Tensor:
        """Normalize and pad images.

        Args:
            images: Pixels in the channel order of the model and the range of
                its training images, fp32 (N, C, H, W).

        Returns:
            Normalized images, fp32 (N, C, H', W').
        """
        pixels = (images - self.mean) / self.std
        if self.divisor == 1:
            return pixels
        height, width = images.shape[-2:]
        return F.pad(
            pixels, (0, -width % self.divisor, 0, -height % self.divisor)
        )
