"""Image files among paths of a command line, and their pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

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
        files = sorted(path.rglob('*')) if path.is_dir() else [path]
        found += [
            file
            for file in files
            if file.suffix.lower() in SUFFIXES
            and file.is_file()
            and not file.name.startswith('.')
        ]
    if not found:
        raise FileNotFoundError(
            f'no images ({", ".join(SUFFIXES)}) in '
            f'{", ".join(map(str, paths))}'
        )
    return found[:count]


def open_image(path: Path) -> Image.Image:
    """Read an image as training does, in RGB and with 8 bits per channel.

    As in OpenCV, which reads images in training, 16-bit images keep the upper
    8 bits, and the orientation that a camera recorded is applied.

    Args:
        path: Image file.

    Raises:
        ValueError: If the file is no readable image.
    """
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            if image.mode.startswith('I'):  # Pillow would clip at 255
                pixels = np.clip(np.asarray(image) // 256, 0, 255)
                image = Image.fromarray(pixels.astype(np.uint8))
            return image.convert('RGB')
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ValueError(
            f'{path} cannot be read as an image; remove or replace it'
        ) from None
