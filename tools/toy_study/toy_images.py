"""Labeled images of 32x32 pixels with 100 classes, as tensors.

CIFAR-100 where the user has it. Otherwise the classes are ten handwritten
digits (scikit-learn) on ten photographs (scikit-image), so that a class has a
shape and a texture. Training and test images have no handwriting and no part
of a photograph in common.
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
# Training images show the left part of photographs, up to this share of the
# width, and test images the right part.
BORDER = 0.6
DARKER = 0.5  # brightness of the photographs, so that digits can be read


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
            'them; leave --cifar100 out to use digits on photographs'
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


def digits_on_photographs(
    train: bool, count: int, seed: int = 0
) -> LabeledImages:
    """Compose images of one digit on one photograph, equally many of each.

    Args:
        train: Whether to use the digits and the part of the photographs for
            training or those for testing.
        count: Number of images.
        seed: Seed of all random choices; each image has its own stream.

    Returns:
        The images; with ``photograph, digit = divmod(label, 10)``, and image
        i has label ``i % 100``.
    """
    source = DigitScenes('train' if train else 'val')
    samples = [np.flatnonzero(source.labels == digit) for digit in range(10)]
    photographs = DigitScenes('train').photographs[:10]
    images = np.empty((count, SIZE, SIZE, 3), 'uint8')
    for i in range(count):
        rng = np.random.default_rng([seed, train, i])
        number, digit = divmod(i % CLASSES, 10)
        image = _crop(rng, photographs[number], train)
        _paint(rng, image, source.images[rng.choice(samples[digit])])
        images[i] = image.round()
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    return LabeledImages(tensor, torch.arange(count) % CLASSES)


def _crop(
    rng: np.random.Generator, photograph: np.ndarray, train: bool
) -> np.ndarray:
    """Return a random square of a photograph, darker, float (32, 32, 3)."""
    border = int(BORDER * photograph.shape[1])
    part = photograph[:, :border] if train else photograph[:, border:]
    height, width = part.shape[:2]
    side = int(min(height, width) * rng.uniform(0.4, 0.8))
    top = int(rng.integers(height - side + 1))
    left = int(rng.integers(width - side + 1))
    image = Image.fromarray(part).resize(
        (SIZE, SIZE), box=(left, top, left + side, top + side)
    )
    return DARKER * np.asarray(image, float)


def _paint(
    rng: np.random.Generator, image: np.ndarray, glyph: np.ndarray
) -> None:
    """Paint a white digit on an image, in place.

    Args:
        rng: Random stream of the image.
        image: Image, float (32, 32, 3).
        glyph: Ink of 8x8 pixels, 0 to 16.
    """
    height, width = rng.integers(22, 31), rng.integers(18, 27)
    ink = Image.fromarray((glyph * 15.9).astype('uint8'))
    ink = ink.resize((width, height), Image.Resampling.BICUBIC)
    top = rng.integers(SIZE - height + 1)
    left = rng.integers(SIZE - width + 1)
    region = image[top : top + height, left : left + width]
    region += np.asarray(ink, float)[..., None] / 255 * (255 - region)
