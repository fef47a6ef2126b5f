"""A file backend that shows TIFF files in false colors."""

from collections.abc import Sequence

import cv2
from mmengine.fileio import BaseStorageBackend, register_backend

from .false_color import false_color
from .tiff_files import check_backend, read_tiff


@register_backend('false_color')
class FalseColorBackend(BaseStorageBackend):
    """Read some channels of a TIFF file as a PNG image.

    The visualization hooks of MMDetection and MMSegmentation decode images
    themselves, into three channels of 8 bits. Their ``backend_args`` lead here
    and give them a PNG file in place of the TIFF file::

        visualization = dict(
            type='DetVisualizationHook',
            backend_args=dict(backend='false_color', channels=[3, 2, 1]),
        )

    Args:
        channels: The channel shown in gray, or the three shown in red, green
            and blue.
        in_channels: Number of channels of the files; needed only where the
            axis of channels is not the shortest.
        reader: ``'tifffile'`` or ``'rasterio'``.

    Raises:
        ValueError: If there is no such reader.
    """

    def __init__(
        self,
        channels: Sequence[int],
        in_channels: int | None = None,
        reader: str = 'tifffile',
    ) -> None:
        check_backend(reader)
        self.channels = tuple(channels)
        self.in_channels = in_channels
        self.reader = reader

    def get(self, filepath: str) -> bytes:
        """Return the image as the content of a PNG file.

        Args:
            filepath: TIFF file.

        Raises:
            ValueError: If the file cannot be read or lacks a channel.
        """
        image = read_tiff(filepath, self.in_channels, self.reader)
        try:
            shown = false_color(image, self.channels)
        except ValueError as error:
            raise ValueError(f'{filepath}: {error}') from None
        # OpenCV writes blue first.
        return cv2.imencode('.png', shown[..., ::-1])[1].tobytes()

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        """Raise ``ValueError``; mmengine's base class requires the method."""
        raise ValueError('the false_color backend reads images only')
