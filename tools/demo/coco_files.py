"""Instances, and files of them in COCO's format."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask


@dataclass(frozen=True)
class Instance:
    """One object, or one crowd of objects.

    Attributes:
        label: Class, counted from 0.
        mask: Pixels of the object, bool (H, W).
        crowd: Whether it is a crowd, which COCO neither trains nor
            evaluates.
    """

    label: int
    mask: np.ndarray
    crowd: bool = False


# File name, size (H, W) and objects.
AnnotatedImage = tuple[str, tuple[int, int], Sequence[Instance]]


def write_annotations(
    images: Iterable[AnnotatedImage], classes: Sequence[str], path: Path
) -> None:
    """Write the objects of a data set, their masks as run lengths.

    Args:
        images: Images of the data set.
        classes: Names of the classes.
        path: JSON file to write; its folder is created.
    """
    entries, annotations = [], []
    for i, (name, (height, width), instances) in enumerate(images):
        entries.append(dict(id=i, file_name=name, height=height, width=width))
        for instance in instances:
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
    categories = [dict(id=i + 1, name=name) for i, name in enumerate(classes)]
    content = dict(
        images=entries, annotations=annotations, categories=categories
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
