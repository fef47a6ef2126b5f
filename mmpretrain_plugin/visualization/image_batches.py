"""A random sample of the images of a folder, as batches of pixels."""

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .image_files import find_images

# What is cut from each side: 256 pixels to 224, as in MMPretrain's tests.
BORDER = (1 - 224 / 256) / 2


class ImageSample(NamedTuple):
    """Images of a folder.

    Attributes:
        paths: Image files.
        classes: Names of the classes; empty without labels.
        labels: Index of the class of each image; empty without labels.
    """

    paths: list[Path]
    classes: list[str]
    labels: list[int]


def sample_images(
    folder: Path, count: int, labeled: bool = False, seed: int = 0
) -> ImageSample:
    """Choose images of a folder at random.

    Args:
        folder: Folder of images, which is searched recursively.
        count: Largest number of images.
        labeled: Whether the folders in it are classes. The classes are then
            equally frequent, as far as they have images.
        seed: Seed of the choice.

    Returns:
        The images.

    Raises:
        FileNotFoundError: If the folder does not exist or has no images.
        ValueError: If there are to be classes, and there are fewer than two.
    """
    paths = find_images([folder], sys.maxsize)
    random.Random(seed).shuffle(paths)
    if not labeled:
        return ImageSample(paths[:count], [], [])
    by_class: dict[str, list[Path]] = {}
    for path in paths:
        parts = path.relative_to(folder).parts
        if len(parts) > 1:  # images beside the folders have no class
            by_class.setdefault(parts[0], []).append(path)
    if len(by_class) < 2:
        raise ValueError(
            f'{folder} has images in {len(by_class)} folders; labels need two '
            'or more, one per class, such as FOLDER/cat/1.jpg'
        )
    classes = sorted(by_class)
    # One image of each class in turn.
    turns = sorted(
        (turn, label)
        for label, name in enumerate(classes)
        for turn in range(len(by_class[name]))
    )[:count]
    return ImageSample(
        [by_class[classes[label]][turn] for turn, label in turns],
        classes,
        [label for _, label in turns],
    )


def read_image(path: Path, size: int) -> Tensor:
    """Read the central square of an image.

    One eighth is cut off as in MMPretrain's tests, which resize the shorter
    side to 256 and crop 224 pixels.

    Args:
        path: Image file.
        size: Side in pixels.

    Returns:
        RGB pixels, uint8 (3, size, size).

    Raises:
        ValueError: If the file is no readable image.
    """
    try:
        with Image.open(path) as file:
            image = ImageOps.fit(
                file.convert('RGB'), (size, size), Image.Resampling.BICUBIC,
                bleed=BORDER,
            )  # fmt: skip
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ValueError(
            f'{path} cannot be read as an image; remove or replace it'
        ) from None
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def read_batches(
    paths: Sequence[Path], size: int, batch_size: int
) -> Iterator[Tensor]:
    """Yield batches of pixels, uint8 (N, 3, size, size), RGB."""
    for start in range(0, len(paths), batch_size):
        batch = paths[start : start + batch_size]
        yield torch.stack([read_image(path, size) for path in batch])
