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
            of one name or id, two images of one id, an image without a name
            or a size, or an object of an unknown image or category.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        images = Counter(image['id'] for image in content['images'])
        names = Counter(category['name'] for category in content['categories'])
        ids = Counter(category['id'] for category in content['categories'])
        unnamed = [n for n in names if not isinstance(n, str)]
        odd = [one['id'] for one in content['images'] if not _is_image(one)]
        objects = [
            (one.get('id'), one['image_id'], one['category_id'])
            for one in content['annotations']
        ]
    except (
        ValueError, LookupError, AttributeError, TypeError, RecursionError,
    ) as error:  # fmt: skip
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
    if unnamed:
        raise ValueError(
            f'{path} has a category of the name {unnamed[0]!r}; names are '
            'strings'
        )
    for kind, counts in (('categories', ids), ('images', images)):
        number = next((n for n, count in counts.items() if count > 1), None)
        if number is not None:
            raise ValueError(
                f'{path} has two {kind} of the id {number!r}, and objects '
                'could belong to either; give them different ids'
            )
    if odd:
        raise ValueError(
            f'{path} has an image (id {odd[0]!r}) without file_name, or '
            'without a height and width of 1 or more; correct it'
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


def _is_image(image: dict[str, Any]) -> bool:
    """Return whether an image has a name and a size."""
    size = [image.get('height'), image.get('width')]
    name = image.get('file_name')
    return isinstance(name, str) and _numbers(size) and min(size) >= 1


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
) -> int:
    """Check the boxes and outlines of all objects.

    Args:
        path: File they are from, for messages.
        content: What ``read_coco_file`` returned.
        keys: What each object needs, of 'bbox', 'area' and 'segmentation'.

    Returns:
        Number of objects that MMDetection does not train: crowds, those that
        are marked as ignored, and those below a pixel or outside of their
        image. 0 without 'bbox' among the keys.

    Raises:
        ValueError: If there are no objects, all are of that kind, or one has a
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
    if 'bbox' not in keys:
        return 0
    used = sum(_is_used(one, images[one['image_id']]) for one in objects)
    if not used:
        raise ValueError(
            f'{path} has {len(objects)} objects, and all of them are smaller '
            'than a pixel, outside of their images, without area, crowds, or '
            'marked as ignored; bbox is [x, y, width, height] in pixels'
        )
    return len(objects) - used


def _is_used(one: dict[str, Any], image: dict[str, Any]) -> bool:
    """Return whether MMDetection trains an object."""
    x, y, width, height = one['bbox']
    return (
        min(width, height) >= 1
        and one.get('area', 1) > 0
        and not one.get('ignore')
        and not one.get('iscrowd')
        and min(x + width, image['width']) > max(x, 0)
        and min(y + height, image['height']) > max(y, 0)
    )


def _numbers(values: Any) -> bool:
    """Return whether a value is a list of finite numbers."""
    try:
        return isinstance(values, list) and all(
            isinstance(v, (int, float)) and math.isfinite(v) for v in values
        )
    except OverflowError:  # an integer that no float holds
        return False


def _box_problem(box: Any, image: dict[str, Any]) -> str | None:
    if box is None:
        return 'without bbox'
    if not _numbers(box) or len(box) != 4:
        return (
            f'whose bbox is {box!r:.60}, not [x, y, width, height] with '
            'finite numbers'
        )
    if min(box[2:]) < 0:
        return f'whose bbox {box!r:.60} has a negative width or height'
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
