"""Folders of images with annotations in COCO's format."""

from collections.abc import Sequence
from pathlib import Path

from .coco_file import category_names, check_objects, read_coco_file
from .splits import Layout, Split, find_splits

LAYOUTS = (
    Layout('{}', 'annotations/instances_{}.json'),
    Layout(
        '{}',
        'annotations/instances_{}.json',
        ('train2017', 'val2017', 'test2017'),
    ),
    # As Roboflow exports a project.
    Layout('{}', '{}/_annotations.coco.json', ('train', 'valid', 'test')),
)


def find_coco_splits(root: Path) -> dict[str, Split]:
    """Return the splits of a folder; see ``find_splits``."""
    return find_splits(root, LAYOUTS)


def read_classes(path: Path, keys: Sequence[str] = ()) -> list[str]:
    """Return the names of the categories of a file, in its order.

    Args:
        path: Annotations in COCO's format.
        keys: What each object needs; see ``check_objects``.

    Raises:
        ValueError: If the file or an object in it cannot be used.
    """
    content = read_coco_file(path)
    check_objects(path, content, keys)
    return category_names(content)


def read_common_classes(
    root: Path, splits: dict[str, Split], keys: Sequence[str] = ()
) -> list[str]:
    """Return the classes, which must be the same in all splits.

    Args:
        root: Folder of the data set.
        splits: Its splits.
        keys: What each object needs; see ``check_objects``.

    Raises:
        ValueError: If a file is damaged, or names or order differ.
    """
    train = root / splits['train'].labels
    classes = read_classes(train, keys)
    for name in splits.keys() - {'train'}:
        path = root / splits[name].labels
        other = read_classes(path, keys)
        if other != classes:
            same = (
                'the same names in another order'
                if sorted(other) == sorted(classes)
                else 'other names'
            )
            raise ValueError(
                f'the categories of {path} have {same} than those of '
                f'{train}: {", ".join(other)} against {", ".join(classes)}; '
                'write both files with one list of categories'
            )
    return classes
