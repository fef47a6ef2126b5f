"""Splits and classes of a folder of somebody's own data."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Split(NamedTuple):
    """Images of a split, and what belongs to them.

    Attributes:
        images: Folder of images, relative to the root.
        labels: File of annotations or folder of masks, relative to the root.
    """

    images: str
    labels: str


class Layout(NamedTuple):
    """Names of images and labels in a folder; ``{}`` is the split's name.

    Attributes:
        images: Folder of images.
        labels: File of annotations or folder of masks.
        splits: Names of training, validation and test; the last may be
            missing in a folder.
    """

    images: str
    labels: str
    splits: tuple[str, str, str] = ('train', 'val', 'test')

    def find(self, root: Path) -> Iterator[tuple[str, Split]]:
        """Yield the splits that exist, by 'train', 'val' and 'test'."""
        for name, written in zip(('train', 'val', 'test'), self.splits):
            split = Split(
                self.images.format(written), self.labels.format(written)
            )
            if (root / split.images).is_dir() and (
                root / split.labels
            ).exists():
                yield name, split

    def __str__(self) -> str:
        """Return the names of both required splits."""
        train, val, _ = self.splits
        parts = dict.fromkeys(
            part.format(split)
            for split in (train, val)
            for part in (self.images, self.labels)
        )
        return ', '.join(parts)


def find_splits(root: Path, layouts: Sequence[Layout]) -> dict[str, Split]:
    """Find the splits of a folder.

    Args:
        root: Folder of the data set.
        layouts: Layouts that it may have; the first that fits counts.

    Returns:
        Splits by 'train', 'val' and, if there is one, 'test'.

    Raises:
        FileNotFoundError: If the folder has no layout with training and
            validation; the message names all of them.
    """
    for layout in layouts:
        splits = dict(layout.find(root))
        if {'train', 'val'} <= set(splits):
            return splits
    exists = (
        'lacks training or validation data'
        if root.is_dir()
        else ('does not exist')
    )
    allowed = '; or '.join(map(str, layouts))
    raise FileNotFoundError(
        f'{root} {exists}; set data_root to a folder that contains {allowed}'
    )
