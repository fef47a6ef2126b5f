"""Check the files that a config names, before they are used."""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.fileio import list_from_file
from mmengine.logging import print_log
from mmengine.registry import DATASETS

from ...datasets.coco_file import (
    category_names,
    check_objects,
    read_category_names,
    read_coco_file,
)

# Of larger annotation files, which take long to read, only the categories are
# read.
MAX_BYTES = 50_000_000
# Data sets that download their files if they are missing.
DOWNLOADED = ('CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST')


def walk(node: object, address: str) -> Iterator[tuple[str, dict]]:
    """Yield every dict in a part of a config, with its address.

    Args:
        node: Part of a config.
        address: Its address, such as 'model.backbone'.
    """
    children: Iterable = ()
    if isinstance(node, dict):
        yield address, node
        children = node.items()
    elif isinstance(node, (list, tuple)):
        children = enumerate(node)
    for key, child in children:
        yield from walk(child, f'{address}.{key}')


def is_local(node: dict) -> bool:
    """Return whether everything in a part of a config reads local files."""
    options = (
        part.get('backend_args') or part.get('file_client_args') or {}
        for _, part in walk(node, '')
    )
    return all(o.get('backend', 'local') in ('local', 'disk') for o in options)


def is_missing(path: object) -> bool:
    """Return whether a value names a local path that does not exist."""
    return (
        isinstance(path, (str, Path))
        and path != ''
        and '://' not in str(path)
        and not os.path.exists(os.path.expanduser(path))
    )


def dataset_paths(dataset: dict) -> list[Path]:
    """Return the local files and folders that a dict of a data set names."""
    kind = str(dataset.get('type')).split('.')[-1]
    root = dataset.get('data_root') or ''
    if kind in DOWNLOADED or not isinstance(root, str) or '://' in root:
        return []
    prefix = dataset.get('data_prefix')
    if kind in ('ImageNet', 'ImageNet21k'):
        prefix = prefix or dataset.get('split')
    prefixes = prefix.values() if isinstance(prefix, dict) else [prefix]
    parts = [
        os.path.expanduser(part)
        for part in (*prefixes, dataset.get('ann_file'))
        if part and isinstance(part, str)
    ]
    return [Path(root, p) for p in parts or [''] if '://' not in p]


def input_files(
    cfg: Config, mode: str
) -> Iterator[tuple[str | Path, str, str]]:
    """Yield path, config address and remedy of every input of one mode."""
    loader, evaluator = f'{mode}_dataloader', f'{mode}_evaluator'
    for name, node in walk(cfg.get(loader), loader):
        root = node.get('data_root')
        remedy = f'put the data there or set {name}.data_root (now {root!r})'
        for path in dataset_paths(node) if is_local(node) else ():
            yield path, name, remedy
    remedy = f'it does not follow the data_root of {loader}: set both'
    for name, node in walk(cfg.get(evaluator), evaluator):
        if is_local(node):
            yield node.get('ann_file'), f'{name}.ann_file', remedy
    checkpoints = {'load_from': cfg.get('load_from')}
    if mode == 'train':  # a test loads the complete model
        for name, node in walk(cfg.get('model'), 'model'):
            if str(node.get('type')).split('.')[-1] == 'Pretrained':
                checkpoints[f'{name}.checkpoint'] = node['checkpoint']
    for name, path in checkpoints.items():
        yield path, name, f'train or download it, or set {name}'


def check_annotations(dataset: dict, address: str, mode: str) -> None:
    """Raise an error if annotations in COCO format would train wrong classes.

    MMDetection numbers classes by their place in the file, whatever the order
    of the configured ones, and drops objects of other categories. Extra
    categories are right: the data set then is a part of the file.

    Args:
        dataset: Config of a data set; others than ``CocoDataset`` pass.
        address: Its address in the config.
        mode: 'train', 'val' or 'test'; only 'test' needs no objects.

    Raises:
        ValueError: If names and order do not agree, or an object cannot be
            used.
    """
    if dataset.get('type') not in ('CocoDataset', 'mmdet.CocoDataset'):
        return
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    if not path.is_file():
        return
    default = DATASETS.get('mmdet.CocoDataset').METAINFO
    classes = {**default, **(dataset.get('metainfo') or {})}['classes']
    if isinstance(classes, str):
        classes = list_from_file(classes)
    if mode == 'test' or path.stat().st_size > MAX_BYTES:
        names = read_category_names(path)
    else:
        content = read_coco_file(path)
        names = category_names(content)
        unused = check_objects(path, content, _needed_keys(dataset))
        if unused:
            print_log(
                f'{unused} of {len(content["annotations"])} objects of {path} '
                'are not trained: crowds, ignored ones, and those below a '
                'pixel or outside of their images',
                'current',
                logging.WARNING,
            )
    if [name for name in names if name in classes] == list(classes):
        return
    unknown = [name for name in names if name not in classes]
    missing = [name for name in classes if name not in names]
    if unknown and missing:
        raise ValueError(
            f'{path} has categories that {address} does not know: '
            f'{", ".join(unknown[:3])}, {len(unknown)} of {len(names)}; set '
            f'{address}.metainfo.classes to their names'
        )
    problem = (
        f'lacks {len(missing)} classes of {address} ({", ".join(missing[:3])})'
        if missing
        else f'has the classes of {address} in another order'
    )
    raise ValueError(
        f'{path} {problem}, and MMDetection would take one class for another; '
        f'set {address}.metainfo.classes to the names and the order of the '
        'file, or write a file that agrees with tools/order_categories.py'
    )


def _needed_keys(dataset: dict) -> Sequence[str]:
    """Return what each object of a data set needs."""
    has_masks = any(node.get('with_mask') for _, node in walk(dataset, ''))
    return ('bbox', 'area', *(['segmentation'] if has_masks else ()))


def check_completed(dataset: dict, address: str) -> None:
    """Raise an error if classes had to be read from the data, and were not.

    Args:
        dataset: Config of a data set; others than ``MaskFolderDataset`` pass.
        address: Its address in the config.

    Raises:
        ValueError: If it names no classes.
    """
    kind = str(dataset.get('type')).split('.')[-1]
    classes = (dataset.get('metainfo') or {}).get('classes')
    if kind == 'MaskFolderDataset' and not classes:
        raise ValueError(
            f'{address} names no classes, as MMSegmentation reads them from '
            'the data in training only; test with the config that the '
            'training wrote into its work_dir'
        )


def check_inputs(cfg: Config, *modes: str) -> None:
    """Raise an error if data, annotations or checkpoints cannot be used.

    Args:
        cfg: Config of the run.
        *modes: Modes that it is about to run, of 'train', 'val' and 'test'.

    Raises:
        FileNotFoundError: If files are missing; the message names them all.
        ValueError: If COCO annotations do not agree with the classes, or
            cannot be used, or a data set lacks its classes.
    """
    for loader in (f'{mode}_dataloader' for mode in modes):
        for address, node in walk(cfg.get(loader), loader):
            check_completed(node, address)
    missing = [
        f'{path} of {name} does not exist; {remedy}'
        for mode in modes
        for path, name, remedy in input_files(cfg, mode)
        if is_missing(path)
    ]
    if missing:
        raise FileNotFoundError('; '.join(dict.fromkeys(missing)))
    for loader in (f'{mode}_dataloader' for mode in modes):
        for address, node in walk(cfg.get(loader), loader):
            check_annotations(node, address, loader.split('_')[0])
