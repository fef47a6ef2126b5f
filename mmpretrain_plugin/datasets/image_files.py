"""Image files among paths of a command line, their sizes and pixels."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import mmcv
from PIL import ExifTags, Image

from .tiff_files import SUFFIXES as TIFF
from .tiff_files import read_tiff

SUFFIXES = (
    '.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp',
)  # fmt: skip
TURNED = (5, 6, 7, 8)  # orientations in which OpenCV turns an image


def find_images(paths: Sequence[Path], count: int | None = None) -> list[Path]:
    """Return the first image files among files and folders.

    Args:
        paths: Image files, and folders that are searched recursively.
        count: Largest number of files to return; None returns all.

    Raises:
        FileNotFoundError: If a path does not exist, or there are no images.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f'{path} does not exist')
        if path.is_dir():
            found += _images_in(path)
        elif _has_image_name(path.name):
            found.append(path)
    if not found:
        raise FileNotFoundError(
            f'no images ({", ".join(SUFFIXES)}) in '
            f'{", ".join(map(str, paths))}'
        )
    return found[:count]


def _images_in(folder: Path) -> Iterator[Path]:
    """Yield the images in a folder and those inside of it, in order.

    ``Path.rglob`` asks the file system about every file and needs twice as
    long.
    """
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _images_in(Path(entry.path))
        elif _has_image_name(entry.name) and entry.is_file():
            yield Path(entry.path)


def _has_image_name(name: str) -> bool:
    """Return whether a file has the name of an image that is not hidden."""
    return name.lower().endswith(SUFFIXES) and not name.startswith('.')


def open_image(path: Path) -> Image.Image:
    """Read an image as training does, in RGB and with 8 bits per channel.

    OpenCV reads it: 16-bit images keep the upper 8 bits, and the orientation
    that a camera recorded is applied.

    Args:
        path: Image file.

    Raises:
        ValueError: If the file is no readable image.
    """
    try:
        pixels = mmcv.imread(path, channel_order='rgb', backend='cv2')
    except (OSError, cv2.error):
        raise ValueError(
            f'{path} cannot be read as an image; remove or replace it'
        ) from None
    return Image.fromarray(pixels)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return width and height of an image as OpenCV reads it, from its header.

    Of a TIFF file with channels that Pillow does not know, all pixels are
    read, and of one with more pixels than it opens.

    Args:
        path: Image file.

    Raises:
        ValueError: If the file is no readable image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            # In other formats, Pillow looks for it behind the pixels.
            has_header = image.format in ('JPEG', 'MPO', 'TIFF', 'WEBP')
            if has_header and (
                image.getexif().get(ExifTags.Base.Orientation) in TURNED
            ):
                return height, width
            return width, height
    except Image.DecompressionBombError:
        return open_image(Path(path)).size
    except (OSError, SyntaxError, ValueError) as error:
        if Path(path).suffix.lower() in TIFF and Path(path).is_file():
            height, width = read_tiff(path).shape[:2]
            return width, height
        raise ValueError(
            f'{path} cannot be read as an image ({error}); remove or replace '
            'it'
        ) from None
