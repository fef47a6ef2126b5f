"""Image files among paths of a command line, and their pixels."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import mmcv
from PIL import Image

SUFFIXES = (
    '.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp',
)  # fmt: skip


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
