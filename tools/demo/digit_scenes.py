"""Digit scenes: a small data set of real content, made offline.

Handwritten digits (scikit-learn) of several sizes, colors and angles lie on
photographs (scikit-image). Every painted pixel belongs to exactly one digit
and no other pixel is changed, so the masks are exact. Training and validation
share neither a photograph nor a handwritten digit.
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
# ADE20K keeps 0 for "no label"; the host maps the rest to 0, 1, ...
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
# Random streams; a new one may be added, none may change its number.
STREAMS = {'unlabelled': 0, 'train': 1, 'val': 2}


@dataclass(frozen=True)
class Instance:
    """One digit, or one group of digits too crowded to tell apart.

    Attributes:
        label: Class, 0 to 9.
        mask: Its pixels, bool (H, W).
        crowd: Whether it is a group, which COCO neither trains nor counts.
    """

    label: int
    mask: np.ndarray
    crowd: bool = False


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        photograph: The same picture before digits were painted.
        instances: Disjoint instances, empty for a picture without digits.
    """

    image: np.ndarray
    photograph: np.ndarray
    instances: tuple[Instance, ...]


class DigitScenes:
    """Composes scenes, each from its own random stream.

    Args:
        split: 'unlabelled', 'train' or 'val'; the first two use the same
            photographs and digits.
        size: Side of the square pictures in pixels.
        seed: Seed of everything random.

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
        """Compose scene ``index``; the same one whenever it is asked for.

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
        """Compose the first ``count`` scenes."""
        return (self[i] for i in range(count))

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        """Crop a photograph at a random place and scale, mirror at random."""
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
        room: int | None = None,
    ) -> np.ndarray | None:
        """Paint one digit where nothing was painted yet.

        Args:
            rng: Random stream of the scene.
            image: Picture, painted in place.
            free: Pixels without a digit, changed in place.
            sample: Which handwritten digit.
            side: Its side in pixels, before it is turned.
            corner: Upper left corner of the region to choose a place from.
            room: Side of that region less the digit; None means the picture.

        Returns:
            The painted pixels, bool (H, W), or None if no place was found.
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
                self.size - height if room is None else room,
                self.size - width if room is None else room,
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
    """Load one of scikit-image's photographs as RGB."""
    photo = getattr(skimage.data, name)()
    photo = photo[0] if isinstance(photo, tuple) else photo
    return photo if photo.ndim == 3 else np.stack([photo] * 3, axis=-1)


def _contrasting_color(
    rng: np.random.Generator, surrounding: np.ndarray
) -> np.ndarray:
    """Draw a color that differs visibly from its surroundings."""
    while True:
        color = rng.uniform(0, 255, size=3)
        if np.abs(color - surrounding).sum() > 200:
            return color


def semantic_map(scene: Scene) -> np.ndarray:
    """Draw a scene's classes as ADE20K does.

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


def write_unlabelled(scenes: Iterable[Scene], root: Path) -> None:
    """Write pictures into one flat folder.

    Args:
        scenes: What to write.
        root: The folder.
    """
    for i, scene in enumerate(scenes):
        _save_jpeg(scene.image, root / f'{i:05d}.jpg')


def write_coco(scenes: Iterable[Scene], root: Path, split: str) -> None:
    """Write ``{split}/*.jpg`` and ``annotations/instances_{split}.json``.

    Args:
        scenes: What to write.
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
        scenes: What to write.
        root: Root of the data set.
        split: Name of the split, 'training' or 'validation' in ADE20K.
    """
    for i, scene in enumerate(scenes):
        _save_jpeg(scene.image, root / 'images' / split / f'{i:05d}.jpg')
        path = root / 'annotations' / split / f'{i:05d}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(semantic_map(scene)).save(path)
