"""Mean and standard deviation of channels, image by image."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .image_files import open_image
from .tiff_files import SUFFIXES, read_tiff


class ChannelStatistics(NamedTuple):
    """Moments of the pixels of some images.

    Attributes:
        pixels: Number of pixels.
        mean: Mean of each channel, float64 (channels,).
        squared_deviations: Their sum over the pixels, likewise.
    """

    pixels: int
    mean: np.ndarray
    squared_deviations: np.ndarray

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.mean)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of each channel, of the population."""
        return np.sqrt(self.squared_deviations / self.pixels)

    def merged(self, other: 'ChannelStatistics') -> 'ChannelStatistics':
        """Return the moments of both groups of pixels together.

        Exact at any number of pixels, unlike sums of squares (Chan, Golub and
        LeVeque, 1983, equation 1.3).
        """
        pixels = self.pixels + other.pixels
        step = other.mean - self.mean
        return ChannelStatistics(
            pixels,
            self.mean + step * (other.pixels / pixels),
            self.squared_deviations
            + other.squared_deviations
            + step**2 * (self.pixels * other.pixels / pixels),
        )


def pixel_statistics(image: np.ndarray) -> ChannelStatistics:
    """Return the moments of the pixels of one image.

    Args:
        image: Pixels (H, W, channels) of any type.
    """
    mean = image.mean(axis=(0, 1), dtype=np.float64)
    # Channel by channel, as large images in float64 need much memory.
    squared_deviations = [
        np.square(channel - center, dtype=np.float64).sum()
        for channel, center in zip(np.moveaxis(image, -1, 0), mean)
    ]
    pixels = image.shape[0] * image.shape[1]
    return ChannelStatistics(pixels, mean, np.array(squared_deviations))


def file_statistics(
    path: Path, in_channels: int | None = None, backend: str = 'tifffile'
) -> ChannelStatistics:
    """Return the moments of the pixels of an image file.

    Args:
        path: TIFF file, read with all channels and bits, or another image,
            read in RGB with 8 bits.
        in_channels: Expected number of channels; None allows any.
        backend: Library that reads TIFF files.

    Raises:
        ValueError: If the file cannot be read, has another number of
            channels, or values that are not finite.
    """
    if path.suffix.lower() in SUFFIXES:
        image = read_tiff(path, in_channels, backend)
    else:
        image = np.asarray(open_image(path))
    moments = pixel_statistics(image)
    if in_channels not in (None, moments.channels):
        raise ValueError(
            f'{path} has {moments.channels} channels, expected {in_channels}; '
            'choose a folder whose images all have the same'
        )
    if not np.isfinite(moments.squared_deviations).all():
        raise ValueError(
            f'{path} has pixels that are not finite; replace them, for '
            'example by the mean of the image'
        )
    return moments
