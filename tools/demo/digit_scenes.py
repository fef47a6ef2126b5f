"""Digit scenes: a small data set of real images that needs no download.

Handwritten digits (scikit-learn) of several sizes, colors and angles are
painted on parts of photographs (scikit-image, scikit-learn). Each painted
pixel belongs to exactly one digit and no other pixel changes, so the masks are
exact. Training, validation and test have no handwritten digit and no pixel of
a photograph in common: they use different parts. Settings are chosen on
validation, and results are those of the test.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage.data
import sklearn.datasets
from coco_files import AnnotatedImage, Instance, write_annotations
from PIL import Image

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
PHOTOGRAPHS = (
    'astronaut', 'brick', 'camera', 'cell', 'chelsea', 'china.jpg', 'clock',
    'coffee', 'coins', 'flower.jpg', 'grass', 'gravel', 'hubble_deep_field',
    'immunohistochemistry', 'moon', 'retina', 'rocket', 'stereo_motorcycle',
)  # fmt: skip
# Columns of each photograph that a split uses, as shares of its width, and
# the sides of the squares that are cut out of them.
COLUMNS = {'train': (0.0, 0.5), 'val': (0.5, 0.75), 'test': (0.75, 1.0)}
SQUARES = (0.15, 0.25)
DIGITS = {
    'train': slice(0, 1200),
    'val': slice(1200, 1500),
    'test': slice(1500, None),
}
# Number of the random stream of each split; fixed, so that the images stay.
STREAMS = {'unlabeled': 0, 'train': 1, 'val': 2, 'test': 3}
EMPTY, CROWDED = 0.05, 0.05  # shares of such scenes
DIGITS_PER_SCENE = 3  # at most, besides a crowd
# Sides and angles of digits before the rotation.
SIDES = (0.5, 0.65)  # of the side of the image
CROWD_SIDE = 1 / 6
CROWD_SPAN = 1 / 3
ANGLE = 15  # degrees
# Least difference between the color of a digit and that of its surroundings,
# summed over the channels.
CONTRAST = 320


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
        split: 'unlabeled', 'train', 'val' or 'test'; the first two use the
            same parts of photographs and the same digits.
        size: Side of the square images in pixels.
        seed: Seed of all random choices.

    Attributes:
        images: Ink of the handwritten digits of the split, float
            (N, 8, 8), 0 to 16.
        labels: Their classes, (N,), 0 to 9.
        photographs: Parts of photographs of the split, each uint8
            (H, W, 3).

    Raises:
        ValueError: If the split is unknown or the size below 64.
    """

    def __init__(self, split: str, size: int = 96, seed: int = 0) -> None:
        if split not in STREAMS:
            raise ValueError(
                f'split must be one of {list(STREAMS)}, got {split!r}'
            )
        if size < 64:
            raise ValueError(f'size must be at least 64 pixels, got {size}')
        source = 'train' if split == 'unlabeled' else split
        digits = sklearn.datasets.load_digits()
        self.images = digits.images[DIGITS[source]]
        self.labels = digits.target[DIGITS[source]]
        photographs = [_photograph(name) for name in PHOTOGRAPHS]
        self.widths = [photo.shape[1] for photo in photographs]
        self.photographs = [
            photo[:, slice(*(round(c * width) for c in COLUMNS[source]))]
            for photo, width in zip(photographs, self.widths)
        ]
        self.size = size
        self.key = (seed, STREAMS[split])

    def __getitem__(self, index: int) -> Scene:
        """Return scene ``index``, which is the same in every call.

        One scene in twenty is empty, and one in twenty has a group of small
        digits that is annotated as a crowd.
        """
        rng = np.random.default_rng([*self.key, index])
        image = self._background(rng)
        photograph = image.copy()
        free = np.ones(image.shape[:2], bool)
        kind = rng.random()
        if kind < EMPTY:
            return Scene(image, photograph, ())
        instances: list[Instance] = []
        if kind < EMPTY + CROWDED:
            instances += self._crowd(rng, image, free)
        low, high = (round(self.size * side) for side in SIDES)
        for _ in range(rng.integers(1, DIGITS_PER_SCENE, endpoint=True)):
            sample = rng.integers(len(self.images))
            side = rng.integers(low, high, endpoint=True)
            mask = self._paint(rng, image, free, sample, side)
            if mask is not None:
                instances.append(Instance(int(self.labels[sample]), mask))
        return Scene(image, photograph, tuple(instances))

    def take(self, count: int) -> Iterator[Scene]:
        """Return the first ``count`` scenes."""
        return (self[i] for i in range(count))

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random crop of a photograph, flipped at random."""
        number = rng.integers(len(self.photographs))
        photo = self.photographs[number]
        height, width = photo.shape[:2]
        side = int(self.widths[number] * rng.uniform(*SQUARES))
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
        side = round(self.size * CROWD_SIDE)
        span = round(self.size * CROWD_SPAN)
        corner = rng.integers(0, self.size - side - span, size=2)
        masks = [
            self._paint(rng, image, free, sample, side, corner, span)
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
            rng.uniform(-ANGLE, ANGLE), Image.Resampling.BICUBIC, expand=True
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
    """Return a photograph of scikit-learn (a file) or scikit-image as RGB."""
    if name.endswith('.jpg'):
        return sklearn.datasets.load_sample_image(name)
    photo = getattr(skimage.data, name)()
    photo = photo[0] if isinstance(photo, tuple) else photo
    return photo if photo.ndim == 3 else np.stack([photo] * 3, axis=-1)


def _contrasting_color(
    rng: np.random.Generator, surrounding: np.ndarray
) -> np.ndarray:
    """Return a random color that contrasts with its surroundings."""
    while True:
        color = rng.uniform(0, 255, size=3)
        if np.abs(color - surrounding).sum() > CONTRAST:
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


def write_crops(scenes: Iterable[Scene], root: Path) -> None:
    """Write each digit alone, into a folder per class, for classification.

    A crop is the bounding box of the digit with a quarter of its longer side
    around it, within the image, without changing the pixels of the scene.

    Args:
        scenes: Scenes to write.
        root: Folder of the folders ``0_zero`` to ``9_nine``.
    """
    for name in (f'{i}_{name}' for i, name in enumerate(CLASSES)):
        (root / name).mkdir(parents=True, exist_ok=True)
    for i, scene in enumerate(scenes):
        for j, instance in enumerate(scene.instances):
            if instance.crowd:
                continue
            rows, columns = instance.mask.nonzero()
            margin = max(np.ptp(rows), np.ptp(columns)) // 4
            top, left = (
                max(int(p.min()) - margin, 0) for p in (rows, columns)
            )
            bottom, right = rows.max() + margin + 1, columns.max() + margin + 1
            folder = root / f'{instance.label}_{CLASSES[instance.label]}'
            _save_jpeg(
                scene.image[top:bottom, left:right],
                folder / f'{i:05d}_{j}.jpg',
            )


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

    def images() -> Iterator[AnnotatedImage]:
        for i, scene in enumerate(scenes):
            name = f'{i:05d}.jpg'
            _save_jpeg(scene.image, root / split / name)
            yield name, scene.image.shape[:2], scene.instances

    path = root / 'annotations' / f'instances_{split}.json'
    write_annotations(images(), CLASSES, path)


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
