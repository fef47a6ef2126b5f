"""Folders of images with a mask of class indices for each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from .image_files import SUFFIXES, find_images, image_size
from .splits import Layout, Split, find_splits

LAYOUTS = (
    Layout('images/{}', 'masks/{}'),
    Layout('{}/images', '{}/masks'),
    # MMSegmentation's own names, and those of ADE20K.
    Layout('img_dir/{}', 'ann_dir/{}'),
    Layout('images/{}', 'annotations/{}', ('training', 'validation', 'test')),
)
IGNORED = 255  # value of pixels without a class
CLASSES = 'classes.txt'


def find_mask_splits(root: Path) -> dict[str, Split]:
    """Return the splits of a folder; see ``find_splits``."""
    return find_splits(root, LAYOUTS)


def find_pairs(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Return each image with its mask, which has the same name.

    Args:
        images: Folder of images, which is searched recursively.
        masks: Folder of PNG files in the same subfolders.

    Raises:
        FileNotFoundError: If there are no images, or an image has no mask.
    """
    pairs = []
    for image in find_images([images]):
        mask = masks / image.relative_to(images).with_suffix('.png')
        if not mask.is_file():
            raise FileNotFoundError(
                f'{mask}, the mask of {image}, does not exist; add it, or '
                'remove the image'
            )
        pairs.append((image, mask))
    return pairs


def read_mask(image: Path, mask: Path) -> np.ndarray:
    """Return the values that occur in a mask, int64, sorted.

    Args:
        image: The image, of which only the size is read.
        mask: Its mask.

    Raises:
        ValueError: If a file cannot be read, or the mask is in color, has
            values beyond 8 bits, or another size than the image.
    """
    with _opened(mask) as file:
        size, mode = file.size, file.mode
        values = np.unique(np.asarray(file)).astype(np.int64)
    if mode not in ('L', 'P', '1', 'I', 'I;16'):
        raise ValueError(
            f'{mask} is in color ({mode}); write masks with one channel that '
            'holds the index of the class, 0, 1, ...'
        )
    if values.max() > IGNORED:
        raise ValueError(
            f'{mask} has the value {values.max()}, but MMSegmentation reads 8 '
            f'bits; use 0 to {IGNORED - 1} for classes and {IGNORED} for '
            'pixels to ignore'
        )
    width, height = image_size(image)
    if (width, height) != size:
        raise ValueError(
            f'{mask} has the size {size[0]}x{size[1]}, but {image} has '
            f'{width}x{height}; write it with the size of the image'
        )
    return values


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        with Image.open(path) as file:
            yield file
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ValueError(
            f'{path} cannot be read as an image; write it again'
        ) from None


def read_mask_classes(root: Path, splits: dict[str, Split]) -> list[str]:
    """Return the names of the classes; all masks are checked.

    The file ``classes.txt`` in the root names one class per line, in the order
    of the values 0, 1, ... Without it, the largest value in the training masks
    gives their number, and the names are 'class 0', 'class 1', ...

    Args:
        root: Folder of the data set.
        splits: Its splits.

    Raises:
        FileNotFoundError: If an image has no mask.
        ValueError: If a mask cannot be used or has a value that is no class.
    """
    largest = {}
    for name, split in splits.items():
        pairs = find_pairs(root / split.images, root / split.labels)
        found = [
            (values[values != IGNORED].max(initial=-1), mask)
            for mask, values in (
                (mask, read_mask(image, mask))
                for image, mask in tqdm(pairs, f'{name}: masks', leave=False)
            )
        ]
        largest[name] = max(found)
    classes = _named_classes(root, largest['train'][0] + 1)
    for value, mask in largest.values():
        if value >= len(classes):
            raise ValueError(
                f'{mask} has the value {value}, but there are {len(classes)} '
                f'classes, 0 to {len(classes) - 1}; correct it, or name more '
                f'classes in {root / CLASSES}'
            )
    return classes


def _named_classes(root: Path, count: int) -> list[str]:
    path = root / CLASSES
    if path.exists():
        try:
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f'{path} cannot be read as UTF-8 text: {error}'
            ) from None
        names = [line.strip() for line in lines if line.strip()]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(
                f'{path} names {twice[0]!r} twice; rename one of them'
            )
    else:
        names = [f'class {i}' for i in range(count)]
    if len(names) < 2:
        raise ValueError(
            f'{root} has {len(names)} classes; segmentation needs two or '
            f'more, of which one may be the background, and {IGNORED} is '
            f'none (see {path})'
        )
    return names


def count_suffixes(paths: Sequence[Path]) -> str:
    """Return how many files of each type there are, in words."""
    found = [path.suffix.lower() for path in paths]
    counts = {s: found.count(s) for s in SUFFIXES if s in found}
    return ', '.join(f'{count} {suffix}' for suffix, count in counts.items())
