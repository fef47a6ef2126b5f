"""Folders of images with annotations in COCO's format."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

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
        keys: What each object needs, such as 'bbox'.

    Raises:
        ValueError: If the file is damaged, has no images, no categories, two
            of one name, or no objects, or an object lacks a key.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        images = {image['id'] for image in content['images']}
        names = [category['name'] for category in content['categories']]
        ids = {category['id'] for category in content['categories']}
        objects = Counter(one['category_id'] for one in content['annotations'])
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise ValueError(
            f'{path} is damaged or not in COCO format ({error!r:.99}); write '
            'it again'
        ) from None
    if not images:
        raise ValueError(f'{path} has no images; add them')
    if not names:
        raise ValueError(
            f'{path} has no categories; add them, such as "categories": '
            '[{"id": 1, "name": "cat"}]'
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            f'{path} has two categories {twice[0]!r}; rename one of them'
        )
    unknown = sorted(objects.keys() - ids, key=str)
    if unknown:
        raise ValueError(
            f'{path} has objects of category_id {unknown[0]}, which is not '
            'among its categories; add it'
        )
    if not objects:
        raise ValueError(f'{path} has no objects; annotate its images first')
    for one in content['annotations']:
        lacking = [key for key in keys if not one.get(key)]
        if lacking:
            raise ValueError(
                f'{path} has an object without {lacking[0]} (id '
                f'{one.get("id")}); add it, or for boxes alone use a detector '
                'without masks'
            )
        if one.get('image_id') not in images:
            raise ValueError(
                f'{path} has an object (id {one.get("id")}) of image_id '
                f'{one.get("image_id")}, which is not among its images'
            )
    return names


def read_common_classes(
    root: Path, splits: dict[str, Split], keys: Sequence[str] = ()
) -> list[str]:
    """Return the classes, which must be the same in all splits.

    Args:
        root: Folder of the data set.
        splits: Its splits.
        keys: What each object needs, such as 'bbox'.

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
