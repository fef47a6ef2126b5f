"""A random sample of the images of a folder, as batches of pixels."""

import random
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader

from ..datasets import find_images, open_image

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
    paths = find_images([folder])
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
    image = ImageOps.fit(
        open_image(path), (size, size), Image.Resampling.BICUBIC, bleed=BORDER
    )
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def read_batches(
    paths: Sequence[Path], size: int, batch_size: int, workers: int = 0
) -> Iterator[Tensor]:
    """Yield batches of images, in the order of their paths.

    Args:
        paths: Image files.
        size: Side in pixels.
        batch_size: Images per batch; the last one may have fewer.
        workers: Processes that read images; 0 reads them in this one.

    Yields:
        RGB pixels, uint8 (N, 3, size, size).

    Raises:
        ValueError: If a file is no readable image.
    """
    loader: DataLoader = DataLoader(
        list(paths),  # type: ignore[arg-type]  # any sequence works
        batch_size,
        num_workers=workers,
        collate_fn=partial(_read_batch, size=size),
    )
    try:
        yield from loader
    except ValueError as error:
        # PyTorch puts the traceback of a worker before the message.
        last = str(error).strip().splitlines()[-1]
        raise ValueError(last.removeprefix('ValueError: ')) from None


def _read_batch(paths: Sequence[Path], size: int) -> Tensor:
    """Read images, (N, 3, size, size); it runs in a worker."""
    return torch.stack([read_image(path, size) for path in paths])
