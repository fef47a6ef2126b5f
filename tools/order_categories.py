"""Write COCO annotations whose categories agree with the classes of a config.

    python tools/order_categories.py ANNOTATIONS OUT.json --classes cat dog
    python tools/order_categories.py ANNOTATIONS OUT.json --config CONFIG

MMDetection numbers classes by their place in the annotation file. Here the
categories are put in the order of the classes, by name; a class that the file
does not have becomes a category without objects, and categories that are no
classes come last, where MMDetection leaves them out. Objects stay as they are.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.fileio import list_from_file

from mmpretrain_plugin.datasets.coco_file import (
    category_names,
    read_coco_file,
)
from mmpretrain_plugin.output_files import check_output_folder, complete_file


def order_categories(
    categories: Sequence[dict[str, Any]], classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the categories in the order of the classes.

    Args:
        categories: Categories of a file, with 'id' and 'name'.
        classes: Names in their order.
    """
    by_name = {category['name']: category for category in categories}
    free = max((category['id'] for category in categories), default=0) + 1
    ordered = []
    for name in classes:
        if name not in by_name:
            by_name[name] = dict(id=free, name=name)
            free += 1
        ordered.append(by_name.pop(name))
    return ordered + list(by_name.values())


def classes_of(config: str) -> Sequence[str]:
    """Return the classes that a config trains.

    Raises:
        ValueError: If it has no training data, or names no classes.
    """
    dataset = (Config.fromfile(config).get('train_dataloader') or {}).get(
        'dataset', {}
    )
    while 'dataset' in dataset:  # RepeatDataset and the like
        dataset = dataset['dataset']
    classes = (dataset.get('metainfo') or {}).get('classes')
    if classes is None and dataset.get('type', '').endswith('CocoDataset'):
        from mmdet.datasets import CocoDataset

        classes = CocoDataset.METAINFO['classes']
    if isinstance(classes, str):
        classes = list_from_file(classes)
    if not classes:
        raise ValueError(
            f'{config} names no classes in train_dataloader.dataset.metainfo; '
            'give them by --classes'
        )
    return classes


def main() -> None:
    """Run the command line; an error of the input is one line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('annotations', type=Path)
    parser.add_argument('out', type=Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--classes', nargs='+', help='names in their order')
    source.add_argument('--config', help='config that names the classes')
    args = parser.parse_args()
    try:
        check_output_folder(args.out.parent)
        classes = args.classes or classes_of(args.config)
        content = read_coco_file(args.annotations)
        before = category_names(content)
        unknown = [name for name in before if name not in classes]
        content['categories'] = order_categories(
            content['categories'], classes
        )
        with complete_file(args.out) as part:
            part.write_text(json.dumps(content))
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    missing = [name for name in classes if name not in before]
    print(
        f'{args.out}: {len(classes)} classes, {len(missing)} of them without '
        f'objects, {len(unknown)} other categories'
    )


if __name__ == '__main__':
    main()
