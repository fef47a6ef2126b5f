"""The normalization of pixels that a trained model expects."""

from typing import NamedTuple

import torch
from mmengine.config import Config
from torch import Tensor


class PixelNormalization(NamedTuple):
    """Normalization of pixels that a config's data preprocessor does.

    Attributes:
        mean: Mean of each channel, in the units of the files.
        std: Standard deviation of each channel.
        order: Order of the channels that the model expects: 'RGB', 'BGR', or
            'file' if it is that of the file, as in images with other channels.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    order: str = 'BGR'

    def __call__(self, images: Tensor) -> Tensor:
        """Normalize images (N, C, H, W), RGB if in color, to fp32."""
        pixels = images.float()
        if self.order == 'BGR':
            pixels = pixels.flip(1)
        mean, std = (
            torch.tensor(values, device=images.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        return (pixels - mean) / std


def find_normalization(cfg: Config) -> PixelNormalization:
    """Return the normalization of pixels in a config."""
    preprocessor = cfg.model.get('data_preprocessor') or cfg.get(
        'data_preprocessor', {}
    )
    values = {
        name: tuple(float(value) for value in preprocessor[name])
        for name in ('mean', 'std')
        if preprocessor.get(name) is not None
    }
    # The libraries read BGR. Each of these options reverses the channels.
    options = ('to_rgb', 'bgr_to_rgb', 'rgb_to_bgr')
    if 'MultiChannel' in preprocessor.get('type', ''):
        order = 'file'
    elif any(preprocessor.get(name) for name in options):
        order = 'RGB'
    else:
        order = 'BGR'
    return PixelNormalization(**values, order=order)
