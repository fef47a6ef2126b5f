"""Labeled images of 32x32 pixels with 100 classes, as tensors.

CIFAR-100 where the user has it. Otherwise numbers from 00 to 99: two
handwritten digits (scikit-learn) on a crop of a photograph (scikit-image).
Training and test numbers have no photograph and no handwritten digit in
common.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.datasets import CIFAR100

# Scripts import their siblings only.
sys.path.append(str(Path(__file__).resolve().parents[1] / 'demo'))
from digit_scenes import DigitScenes

SIZE = 32  # pixels per side
CLASSES = 100
WHITE = 255.0
DARKER = 0.25  # brightness of the photographs


class LabeledImages(NamedTuple):
    """Images and their classes.

    Attributes:
        images: RGB, uint8 (N, 3, 32, 32).
        labels: Classes, int64 (N,), 0 to 99.
    """

    images: Tensor
    labels: Tensor


def cifar100(folder: Path, train: bool, count: int) -> LabeledImages:
    """Read CIFAR-100 from the folder of torchvision.

    Args:
        folder: Folder that contains ``cifar-100-python``.
        train: Whether to read the training or the test images.
        count: Number of images, the first ones of each class.

    Raises:
        SystemExit: If the folder has no CIFAR-100, or too few images.
    """
    try:
        data = CIFAR100(folder, train=train, download=False)
    except RuntimeError:
        raise SystemExit(
            f'{folder} has no complete CIFAR-100: expected the folder '
            'cifar-100-python with the files train, test and meta there, as '
            'torchvision.datasets.CIFAR100(FOLDER, download=True) writes '
            'them; leave --cifar100 out to use images of numbers'
        ) from None
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2)
    labels = torch.tensor(data.targets)
    if count > len(labels):
        raise SystemExit(
            f'{count} images were asked for, but CIFAR-100 has only '
            f'{len(labels)} for {"training" if train else "testing"}'
        )
    by_class = [(labels == c).nonzero()[:, 0] for c in range(CLASSES)]
    first = torch.stack([rows[: count // CLASSES] for rows in by_class], 1)
    chosen = first.flatten()
    return LabeledImages(images[chosen], labels[chosen])


def numbers(train: bool, count: int, seed: int = 0) -> LabeledImages:
    """Compose images of two-digit numbers, equally many of each.

    Args:
        train: Whether to use the digits and photographs for training or those
            for testing.
        count: Number of images.
        seed: Seed of all random choices; each image has its own stream.

    Returns:
        The images; image i shows the number ``i % 100``.
    """
    source = DigitScenes('train' if train else 'val')
    samples = [np.flatnonzero(source.labels == digit) for digit in range(10)]
    images = np.empty((count, SIZE, SIZE, 3), 'uint8')
    for i in range(count):
        rng = np.random.default_rng([seed, train, i])
        photograph = source.photographs[rng.integers(len(source.photographs))]
        image = _crop(rng, photograph)
        color = np.full(3, WHITE)
        for place, digit in enumerate(divmod(i % CLASSES, 10)):
            glyph = source.images[rng.choice(samples[digit])]
            _paint(rng, image, glyph, color, left=place * SIZE // 2)
        images[i] = image.round()
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    return LabeledImages(tensor, torch.arange(count) % CLASSES)


def _crop(rng: np.random.Generator, photograph: np.ndarray) -> np.ndarray:
    """Return a random square of a photograph, float (32, 32, 3).

    It is darker than the photograph, so that bright digits can be read.
    """
    height, width = photograph.shape[:2]
    side = int(min(height, width) * rng.uniform(0.2, 0.6))
    top = int(rng.integers(height - side + 1))
    left = int(rng.integers(width - side + 1))
    image = Image.fromarray(photograph).resize(
        (SIZE, SIZE), box=(left, top, left + side, top + side)
    )
    return np.asarray(image, float) * DARKER


def _paint(
    rng: np.random.Generator,
    image: np.ndarray,
    glyph: np.ndarray,
    color: np.ndarray,
    left: int,
) -> None:
    """Paint one handwritten digit into half of an image, in place.

    Args:
        rng: Random stream of the image.
        image: Image, float (32, 32, 3).
        glyph: Ink of 8x8 pixels, 0 to 16.
        color: RGB.
        left: First column of the half.
    """
    width, height = rng.integers(13, 17), rng.integers(18, 25)
    ink = Image.fromarray((glyph * 15.9).astype('uint8'))
    ink = ink.resize((width, height), Image.Resampling.BICUBIC)
    top = rng.integers(SIZE - height + 1)
    left += rng.integers(SIZE // 2 - width + 1)
    region = image[top : top + height, left : left + width]
    alpha = np.asarray(ink, float)[..., None] / 255
    region += alpha * (color - region)
