"""Decode what a crop needs of a JPEG file, at a reduced scale if it can be.

libjpeg computes an image at 1/2, 1/4 or 1/8 of its size from fewer
coefficients, which costs less than decoding it completely.
"""

import io
from collections.abc import Callable, Sequence

import mmcv
import numpy as np
import simplejpeg
import torch
import torch.nn.functional as F
from PIL import Image

# Of what remains to be reduced by the filter, so that it decides the result.
MARGIN = 2
SCALES = (8, 4, 2, 1)
ORIENTATION = 0x0112
# Rows, columns, height and width in pixels.
Box = tuple[int, int, int, int]


def crop_and_resize(
    content: bytes,
    choose_box: Callable[[int, int], Box],
    size: Sequence[int],
    mode: str,
) -> np.ndarray:
    """Decode an image, and resize a crop of it with antialiasing.

    JPEG files are decoded at the smallest scale that has at least twice the
    pixels of the result along each side; the box is rounded to that scale.
    Everything else is decoded by OpenCV, as ``LoadImageFromFile`` does.

    Args:
        content: Content of an image file.
        choose_box: Returns the crop for a height and a width: its first row
            and column, and its height and width.
        size: Height and width of the result.
        mode: 'bilinear' or 'bicubic', with the filters of Pillow.

    Returns:
        Pixels (H, W, 3) in BGR, uint8.

    Raises:
        ValueError: If the content is no readable image.
    """
    shape = _jpeg_size(content)
    pixels = None
    if shape is not None:
        box = choose_box(*shape)
        scale = _scale(box[2:], size)
        pixels = _decode_jpeg(content, shape, scale)
    if pixels is not None:
        row, column, height, width = (round(side / scale) for side in box)
    else:
        pixels = _decode(content)
        row, column, height, width = choose_box(*pixels.shape[:2])
    crop = pixels[row : row + height, column : column + width]
    # Channels are the last in memory, without gaps: PyTorch's fastest case.
    crop = np.ascontiguousarray(crop)
    image = torch.from_numpy(crop).permute(2, 0, 1)[None]
    resized = F.interpolate(image, tuple(size), mode=mode, antialias=True)
    return resized[0].permute(1, 2, 0).numpy()


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Return height and width of a JPEG file that OpenCV would not rotate.

    None is for other formats, CMYK, and damaged headers.
    """
    if not simplejpeg.is_jpeg(content):
        return None
    try:
        height, width, color, _ = simplejpeg.decode_jpeg_header(content)
    except ValueError:
        return None
    if color not in ('YCbCr', 'Gray', 'RGB') or _is_rotated(content):
        return None
    return height, width


def _is_rotated(content: bytes) -> bool:
    """Return whether the camera recorded another orientation."""
    if b'Exif\x00\x00' not in content[: 1 << 16]:
        return False
    with Image.open(io.BytesIO(content)) as image:
        return image.getexif().get(ORIENTATION, 1) != 1


def _scale(crop: Sequence[int], size: Sequence[int]) -> int:
    """Return by how much a crop can be reduced before it is resized."""
    share = min(crop[0] / size[0], crop[1] / size[1]) / MARGIN
    return next(scale for scale in SCALES if scale <= share or scale == 1)


def _decode_jpeg(
    content: bytes, shape: tuple[int, int], scale: int
) -> np.ndarray | None:
    """Return pixels at 1 / scale of their number along each side.

    None is for files that OpenCV may accept.
    """
    height, width = (-(-side // scale) for side in shape)
    try:
        return simplejpeg.decode_jpeg(
            content, 'BGR', min_height=height, min_width=width
        )
    except ValueError:
        return None


def _decode(content: bytes) -> np.ndarray:
    """Return all pixels, decoded by OpenCV."""
    pixels = mmcv.imfrombytes(content, backend='cv2') if content else None
    if pixels is None:
        raise ValueError('it cannot be decoded as an image')
    return pixels
