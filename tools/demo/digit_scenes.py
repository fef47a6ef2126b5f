"""Digit scenes: a small data set of real images that needs no download.

Handwritten digits (scikit-learn) of several sizes, colors and angles are
painted on photographs (scikit-image). Each painted pixel belongs to exactly
one digit and no other pixel changes, so the masks are exact. Training and
validation have no photograph and no handwritten digit in common.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image
from pycocotools import mask as coco_mask

CLASSES = (
    'zero',
    'one',
    'two',
    'three',
    'four',
    'five',
    'six',
    'seven',
    'eight',
    'nine',
)
# In ADE20K 0 means "no label"; MMSegmentation maps the others to 0, 1, ...
BACKGROUND_VALUE = 1
PHOTOGRAPHS = {
    'train': (
        'astronaut', 'brick', 'camera', 'grass', 'gravel',
        'hubble_deep_field', 'immunohistochemistry', 'retina', 'rocket',
        'stereo_motorcycle',
    ),
    'val': ('chelsea', 'coffee', 'moon'),
}  # fmt: skip
DIGITS = {'train': slice(0, 1400), 'val': slice(1400, None)}
# Number of the random stream of each split; fixed, so that the images stay.
STREAMS = {'unlabelled': 0, 'train': 1, 'val': 2}


@dataclass(frozen=True)
class Instance:
    """One digit, or one crowd of digits.

    Attributes:
        label: Class, 0 to 9.
        mask: Pixels of the digit, bool (H, W).
        crowd: Whether it is a crowd, which COCO neither trains nor
            evaluates.
    """

    label: int
    mask: np.ndarray
    crowd: bool = False


@dataclass(frozen=True)
class Scene:
    """An image and its digits.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        photograph: The same image before digits were painted.
        instances: Disjoint instances, empty for an image without digits.
    """

    image: np.ndarray
    photograph: np.ndarray
    instances: tuple[Instance, ...]


class DigitScenes:
    """Sequence of scenes, each composed from its own random stream.

    Args:
        split: 'unlabelled', 'train' or 'val'; the first two use the same
            photographs and digits.
        size: Side of the square images in pixels.
        seed: Seed of all random choices.

    Raises:
        ValueError: If the split is unknown or the size below 64.
    """

    def __init__(self, split: str, size: int = 160, seed: int = 0) -> None:
        if split not in STREAMS:
            raise ValueError(
                f'split must be one of {list(STREAMS)}, got {split!r}'
            )
        if size < 64:
            raise ValueError(f'size must be at least 64 pixels, got {size}')
        source = 'val' if split == 'val' else 'train'
        digits = sklearn.datasets.load_digits()
        self.images = digits.images[DIGITS[source]]
        self.labels = digits.target[DIGITS[source]]
        self.photographs = [_photograph(n) for n in PHOTOGRAPHS[source]]
        self.size = size
        self.key = (seed, STREAMS[split])

    def __getitem__(self, index: int) -> Scene:
        """Return scene ``index``, which is the same in every call.

        One scene in ten is empty and one in ten crowded, with up to fourteen
        digits and a group that is annotated as a crowd.
        """
        rng = np.random.default_rng([*self.key, index])
        image = self._background(rng)
        photograph = image.copy()
        free = np.ones(image.shape[:2], bool)
        kind = rng.random()
        instances: list[Instance] = []
        if kind < 0.1:
            return Scene(image, photograph, ())
        crowded = kind < 0.2
        if crowded:
            instances += self._crowd(rng, image, free)
        for _ in range(rng.integers(8, 15) if crowded else rng.integers(2, 6)):
            sample = rng.integers(len(self.images))
            side = rng.integers(20, 29) if crowded else rng.integers(28, 73)
            mask = self._paint(rng, image, free, sample, side)
            if mask is not None:
                instances.append(Instance(int(self.labels[sample]), mask))
        return Scene(image, photograph, tuple(instances))

    def take(self, count: int) -> Iterator[Scene]:
        """Return the first ``count`` scenes."""
        return (self[i] for i in range(count))

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random crop of a photograph, flipped at random."""
        photo = self.photographs[rng.integers(len(self.photographs))]
        height, width = photo.shape[:2]
        side = int(min(height, width) * rng.uniform(0.4, 1.0))
        top = rng.integers(height - side + 1)
        left = rng.integers(width - side + 1)
        crop = Image.fromarray(photo[top : top + side, left : left + side])
        crop = crop.resize((self.size, self.size), Image.Resampling.BICUBIC)
        pixels = np.array(crop)
        return pixels[:, ::-1].copy() if rng.random() < 0.5 else pixels

    def _crowd(
        self, rng: np.random.Generator, image: np.ndarray, free: np.ndarray
    ) -> list[Instance]:
        """Paint one digit many times, small and close together."""
        sample = rng.integers(len(self.images))
        corner = rng.integers(0, self.size - 48, size=2)
        masks = [
            self._paint(rng, image, free, sample, 16, corner, 34)
            for _ in range(8)
        ]
        masks = [mask for mask in masks if mask is not None]
        group = np.any(masks, axis=0)
        return [Instance(int(self.labels[sample]), group, crowd=True)]

    def _paint(
        self,
        rng: np.random.Generator,
        image: np.ndarray,
        free: np.ndarray,
        sample: int,
        side: int,
        corner: tuple | np.ndarray = (0, 0),
        span: int | None = None,
    ) -> np.ndarray | None:
        """Paint one digit on free pixels.

        Args:
            rng: Random stream of the scene.
            image: Image, painted in place.
            free: Pixels without a digit, changed in place.
            sample: Index of the handwritten digit.
            side: Side in pixels before the rotation.
            corner: First row and column that the digit may have.
            span: Rows and columns below and right of the corner where the
                digit may begin; None means anywhere in the image.

        Returns:
            The painted pixels, bool (H, W), or None without a free region.
        """
        glyph = Image.fromarray((self.images[sample] * 15.9).astype('uint8'))
        glyph = glyph.resize((side, side), Image.Resampling.BICUBIC)
        glyph = glyph.rotate(
            rng.uniform(-30, 30), Image.Resampling.BICUBIC, expand=True
        )
        ink = np.array(glyph)
        shape = ink > 110
        height, width = shape.shape
        if max(height, width) > self.size:
            return None
        for _ in range(20):
            high = [
                self.size - height if span is None else span,
                self.size - width if span is None else span,
            ]
            top, left = rng.integers(0, high, endpoint=True) + corner
            place = slice(top, top + height), slice(left, left + width)
            if place[0].stop > self.size or place[1].stop > self.size:
                continue
            if np.all(free[place][shape]):
                break
        else:
            return None
        region = image[place]
        color = _contrasting_color(rng, region[shape].mean(axis=0))
        shade = 0.6 + 0.4 * ink[shape, None] / 255
        region[shape] = (color * shade).astype('uint8')
        free[place][shape] = False
        mask = np.zeros(free.shape, bool)
        mask[place] = shape
        return mask


def _photograph(name: str) -> np.ndarray:
    """Return a photograph of scikit-image as RGB."""
    photo = getattr(skimage.data, name)()
    photo = photo[0] if isinstance(photo, tuple) else photo
    return photo if photo.ndim == 3 else np.stack([photo] * 3, axis=-1)


def _contrasting_color(
    rng: np.random.Generator, surrounding: np.ndarray
) -> np.ndarray:
    """Return a random color that contrasts with its surroundings."""
    while True:
        color = rng.uniform(0, 255, size=3)
        if np.abs(color - surrounding).sum() > 200:
            return color


def semantic_map(scene: Scene) -> np.ndarray:
    """Return the classes of a scene in the encoding of ADE20K.

    Returns:
        uint8 (H, W): 1 for background, 2 to 11 for the digits; 0 is reserved.
    """
    label = np.full(scene.image.shape[:2], BACKGROUND_VALUE, 'uint8')
    for instance in scene.instances:
        label[instance.mask] = BACKGROUND_VALUE + 1 + instance.label
    return label


def _save_jpeg(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=95)


def write_unlabeled(scenes: Iterable[Scene], root: Path) -> None:
    """Write images into one flat folder.

    Args:
        scenes: Scenes to write.
        root: Folder of the images.
    """
    for i, scene in enumerate(scenes):
        _save_jpeg(scene.image, root / f'{i:05d}.jpg')


def write_coco(scenes: Iterable[Scene], root: Path, split: str) -> None:
    """Write ``{split}/*.jpg`` and ``annotations/instances_{split}.json``.

    Args:
        scenes: Scenes to write.
        root: Root of the data set.
        split: Name of the split.
    """
    images, annotations = [], []
    for i, scene in enumerate(scenes):
        name = f'{i:05d}.jpg'
        _save_jpeg(scene.image, root / split / name)
        height, width = scene.image.shape[:2]
        images.append(dict(id=i, file_name=name, height=height, width=width))
        for instance in scene.instances:
            rle = coco_mask.encode(np.asfortranarray(instance.mask))
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=i,
                    category_id=instance.label + 1,
                    bbox=coco_mask.toBbox(rle).tolist(),
                    area=int(coco_mask.area(rle)),
                    iscrowd=int(instance.crowd),
                    segmentation=dict(
                        size=rle['size'], counts=rle['counts'].decode()
                    ),
                )
            )
    categories = [dict(id=i + 1, name=name) for i, name in enumerate(CLASSES)]
    content = dict(
        images=images, annotations=annotations, categories=categories
    )
    path = root / 'annotations' / f'instances_{split}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_ade20k(scenes: Iterable[Scene], root: Path, split: str) -> None:
    """Write ``images/{split}/*.jpg`` and ``annotations/{split}/*.png``.

    Args:
        scenes: Scenes to write.
        root: Root of the data set.
        split: Name of the split, 'training' or 'validation' in ADE20K.
    """
    for i, scene in enumerate(scenes):
        _save_jpeg(scene.image, root / 'images' / split / f'{i:05d}.jpg')
        path = root / 'annotations' / split / f'{i:05d}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(semantic_map(scene)).save(path)
