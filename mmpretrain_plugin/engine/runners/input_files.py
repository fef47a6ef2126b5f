"""Check the files that a config names, before anything is built."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS

# Larger annotation files are COCO's own, which would take long to read twice.
MAX_BYTES = 50_000_000


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


def dataset_paths(dataset: dict) -> list[Path]:
    """Return the local files and folders that a dict of a data set names."""
    root = dataset.get('data_root') or ''
    if '://' in root:
        return []
    prefix = dataset.get('data_prefix') or dataset.get('split') or ''
    prefixes = prefix.values() if isinstance(prefix, dict) else [prefix]
    parts = [part for part in (*prefixes, dataset.get('ann_file')) if part]
    return [Path(root, part) for part in parts] or [Path(root)]


def input_files(
    cfg: Config, mode: str
) -> Iterator[tuple[str | Path, str, str]]:
    """Yield path, config address and remedy of every input of one mode."""
    loader, evaluator = f'{mode}_dataloader', f'{mode}_evaluator'
    for name, node in walk(cfg.get(loader), loader):
        root = node.get('data_root')
        remedy = f'put the data there or set {name}.data_root (now {root!r})'
        for path in dataset_paths(node):
            yield path, name, remedy
    remedy = f'it does not follow the data_root of {loader}: set both'
    for name, node in walk(cfg.get(evaluator), evaluator):
        yield node.get('ann_file'), f'{name}.ann_file', remedy
    checkpoints = {'load_from': cfg.get('load_from')}
    if mode == 'train':  # a test loads the complete model
        for name, node in walk(cfg.get('model'), 'model'):
            if str(node.get('type')).split('.')[-1] == 'Pretrained':
                checkpoints[f'{name}.checkpoint'] = node['checkpoint']
    for name, path in checkpoints.items():
        yield path, name, f'train or download it, or set {name}'


def check_categories(dataset: dict, address: str) -> None:
    """Raise an error if annotations in COCO format have unknown categories.

    MMDetection silently drops the objects of such categories.

    Args:
        dataset: Config of a data set; others than ``CocoDataset`` pass.
        address: Its address in the config.

    Raises:
        ValueError: If a category is not a class of the data set.
    """
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    is_coco = dataset.get('type') in ('CocoDataset', 'mmdet.CocoDataset')
    if not (is_coco and path.is_file()) or path.stat().st_size > MAX_BYTES:
        return
    default = DATASETS.get('mmdet.CocoDataset').METAINFO
    classes = {**default, **(dataset.get('metainfo') or {})}['classes']
    content = json.loads(path.read_text())
    names = [category['name'] for category in content['categories']]
    unknown = [name for name in names if name not in classes]
    if unknown:
        raise ValueError(
            f'{path} has categories that {address} does not know: '
            f'{", ".join(unknown[:3])}, {len(unknown)} of {len(names)}; set '
            f'{address}.metainfo.classes to their names'
        )


def check_inputs(cfg: Config, *modes: str) -> None:
    """Raise an error if data, annotations or checkpoints cannot be used.

    Args:
        cfg: Config of the run.
        *modes: Modes that it is about to run, of 'train', 'val' and 'test'.

    Raises:
        FileNotFoundError: If files are missing; the message names them all.
        ValueError: If COCO annotations have unknown categories.
    """
    missing = [
        f'{path} of {name} does not exist; {remedy}'
        for mode in modes
        for path, name, remedy in input_files(cfg, mode)
        if path and '://' not in str(path) and not Path(path).exists()
    ]
    if missing:
        raise FileNotFoundError('; '.join(dict.fromkeys(missing)))
    for loader in (f'{mode}_dataloader' for mode in modes):
        for address, node in walk(cfg.get(loader), loader):
            check_categories(node, address)
