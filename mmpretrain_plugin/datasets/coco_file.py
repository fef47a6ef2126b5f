"""Files of annotations in COCO's format, and what can be wrong in them."""

import json
import math
import mmap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_coco_file(path: Path) -> dict[str, Any]:
    """Read annotations, and check that every reference in them has a target.

    Args:
        path: Annotations in COCO's format.

    Raises:
        ValueError: If the file is damaged, has no images, no categories, two
            of one name, or an object of an unknown image or category.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        images = {image['id'] for image in content['images']}
        names = Counter(category['name'] for category in content['categories'])
        ids = {category['id'] for category in content['categories']}
        objects = [
            (one.get('id'), one['image_id'], one['category_id'])
            for one in content['annotations']
        ]
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
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(
            f'{path} has two categories {twice[0]!r}; rename one of them'
        )
    for number, image, category in objects:
        if category not in ids:
            raise ValueError(
                f'{path} has objects of category_id {category}, which is not '
                'among its categories; add it'
            )
        if image not in images:
            raise ValueError(
                f'{path} has an object (id {number}) of image_id {image}, '
                'which is not among its images'
            )
    return content


def category_names(content: dict[str, Any]) -> list[str]:
    """Return the names of the categories in their order."""
    return [category['name'] for category in content['categories']]


def read_category_names(path: Path) -> list[str]:
    """Return the names of the categories of a file of any size.

    The list is found without parsing the rest of the file.

    Raises:
        ValueError: If the file has none.
    """
    with path.open('rb') as file:
        if path.stat().st_size == 0:
            raise ValueError(f'{path} is empty; write it again')
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        place = view.find(b'"categories"')
        while place >= 0:
            start = view.find(b'[', place)
            if view[place + 12 : start].strip() == b':':
                # Names and ids of a thousand classes are much shorter.
                text = view[start : start + 1_000_000].decode(errors='replace')
                try:
                    found, _ = json.JSONDecoder().raw_decode(text)
                    return [category['name'] for category in found]
                except (ValueError, LookupError, TypeError):
                    pass  # a list of something else
            place = view.find(b'"categories"', place + 1)
    raise ValueError(
        f'{path} is damaged or not in COCO format: it has no categories'
    )


def check_objects(
    path: Path, content: dict[str, Any], keys: Sequence[str] = ()
) -> None:
    """Check the boxes and outlines of all objects.

    Args:
        path: File they are from, for messages.
        content: What ``read_coco_file`` returned.
        keys: What each object needs, of 'bbox', 'area' and 'segmentation'.

    Raises:
        ValueError: If there are no objects, none is large enough for
            MMDetection, which leaves out those below a pixel, or one has a
            box or an outline that cannot be used.
    """
    objects = content['annotations']
    if not objects:
        raise ValueError(f'{path} has no objects; annotate its images first')
    images = {image['id']: image for image in content['images']}
    for one in objects:
        for key in keys:
            problem = PROBLEMS[key](one.get(key), images[one['image_id']])
            if problem:
                image = images[one['image_id']]
                raise ValueError(
                    f'{path} has an object (id {one.get("id")}, image '
                    f'{image.get("file_name")}) {problem}; correct or remove '
                    'it'
                )
    if 'bbox' in keys and not any(_is_used(one) for one in objects):
        raise ValueError(
            f'{path} has {len(objects)} objects, and the boxes of all of them '
            'are smaller than a pixel or have no area; bbox is [x, y, width, '
            'height] in pixels'
        )


def _is_used(one: dict[str, Any]) -> bool:
    """Return whether MMDetection does not leave out an object."""
    _, _, width, height = one['bbox']
    return width >= 1 and height >= 1 and one.get('area', 1) > 0


def _numbers(values: Any) -> bool:
    """Return whether a value is a list of finite numbers."""
    return isinstance(values, list) and all(
        isinstance(v, (int, float)) and math.isfinite(v) for v in values
    )


def _box_problem(box: Any, image: dict[str, Any]) -> str | None:
    if box is None:
        return 'without bbox'
    if not _numbers(box) or len(box) != 4:
        return (
            f'whose bbox is {box!r:.60}, not [x, y, width, height] with '
            'finite numbers'
        )
    return None


def _area_problem(area: Any, image: dict[str, Any]) -> str | None:
    if area is None:
        return 'without area'
    if not _numbers([area]):
        return f'whose area is {area!r:.60}, not a finite number'
    return None


def _outline_problem(outline: Any, image: dict[str, Any]) -> str | None:
    if not outline:
        return (
            'without segmentation (for boxes alone, use a detector without '
            'masks)'
        )
    if isinstance(outline, list):
        for polygon in outline:
            if not _numbers(polygon) or len(polygon) % 2 or len(polygon) < 6:
                return (
                    f'with a polygon {polygon!r:.60}, not [x1, y1, x2, y2, '
                    'x3, y3, ...] with finite numbers'
                )
        return None
    try:
        height, width = outline['size']
        counts = outline['counts']
        if isinstance(counts, str):
            counts = _decode(counts)
        is_complete = min(counts) >= 0 and sum(counts) == height * width
    except (LookupError, TypeError, ValueError):
        is_complete = False
    if not is_complete:
        return 'whose run lengths are damaged or do not fill its size'
    expected = image.get('height', height), image.get('width', width)
    if (height, width) != expected:
        return (
            f'whose mask has {height} x {width} pixels, but its image '
            f'{expected[0]} x {expected[1]}'
        )
    return None


def _decode(text: str) -> list[int]:
    """Return the run lengths in a text of COCO.

    Five bits per character, the sixth bit if more follow; from the third on,
    the difference from the number before the last.

    Raises:
        IndexError: If the text ends within a number.
    """
    counts: list[int] = []
    place = 0
    while place < len(text):
        number, shift, more = 0, 0, True
        while more:
            bits = ord(text[place]) - 48
            number |= (bits & 31) << shift
            more = bool(bits & 32)
            place += 1
            shift += 5
            if not more and bits & 16:
                number -= 1 << shift
        if len(counts) > 2:
            number += counts[-2]
        counts.append(number)
    return counts


PROBLEMS = {
    'bbox': _box_problem,
    'area': _area_problem,
    'segmentation': _outline_problem,
}
