"""A runner that reads classes and files from a folder of data."""

import copy
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import RUNNERS

from ...datasets.coco_folder import find_coco_splits, read_common_classes
from ...datasets.mask_folder import (
    count_suffixes,
    find_mask_splits,
    find_pairs,
    read_mask_classes,
)
from ...datasets.splits import Split
from .checked_runner import CheckedRunner
from .input_files import walk


@RUNNERS.register_module()
class CustomDataRunner(CheckedRunner):
    """``CheckedRunner`` whose data are those of the folder ``data_root``.

    Overrides of the command line are merged after a config has been read, so
    that a config cannot derive anything from them. This runner does it when it
    is built: paths and classes of all data sets, files of the evaluators, and
    ``num_classes`` of all heads. The config that it writes into its work_dir
    is complete and works with any runner::

        runner_type = 'CustomDataRunner'
        data_root = 'data/custom'

    With MMDetection the folder has annotations in COCO's format, with
    MMSegmentation a mask per image.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'CustomDataRunner':
        """Build a runner after its config has been completed.

        Args:
            cfg: Config with ``data_root``; it stays as it is.

        Raises:
            FileNotFoundError: If the folder has no known layout, or files are
                missing.
            ValueError: If annotations or masks cannot be used.
        """
        cfg = copy.deepcopy(cfg)
        complete, describe = {
            'mmdet': (use_coco_folder, describe_coco),
            'mmseg': (use_mask_folder, describe_masks),
        }[cfg.default_scope]
        root = Path(cfg.data_root).expanduser()
        splits, classes = complete(cfg, root)
        runner = super().from_cfg(cfg)
        for name, split in splits.items():
            runner.logger.info(f'{root}, {name}: {describe(root, split)}')
        runner.logger.info(f'{len(classes)} classes: {", ".join(classes)}')
        return runner


def use_coco_folder(
    cfg: Config, root: Path
) -> tuple[dict[str, Split], list[str]]:
    """Complete a config for a folder with COCO annotations.

    Args:
        cfg: Config of MMDetection, changed in place.
        root: Folder of the data set.

    Returns:
        The splits and the classes.
    """
    splits = find_coco_splits(root)
    has_masks = _nodes(cfg, 'train_dataloader', 'with_mask')
    keys = ('bbox', 'area', *(['segmentation'] if has_masks else ()))
    classes = read_common_classes(root, splits, keys)
    for mode in ('train', 'val', 'test'):
        split = splits.get(mode, splits['val'])
        for dataset in _nodes(cfg, f'{mode}_dataloader', 'ann_file'):
            dataset.update(
                data_root=f'{root}/',
                ann_file=split.labels,
                data_prefix=dict(img=f'{split.images}/'),
                metainfo=dict(classes=tuple(classes)),
            )
        for evaluator in _nodes(cfg, f'{mode}_evaluator', 'ann_file'):
            evaluator.ann_file = str(root / split.labels)
    _set_num_classes(cfg, len(classes))
    return splits, classes


def use_mask_folder(
    cfg: Config, root: Path
) -> tuple[dict[str, Split], list[str]]:
    """Complete a config for a folder with masks.

    Args:
        cfg: Config of MMSegmentation, changed in place.
        root: Folder of the data set.

    Returns:
        The splits and the classes.
    """
    splits = find_mask_splits(root)
    classes = read_mask_classes(root, splits)
    for mode in ('train', 'val', 'test'):
        split = splits.get(mode, splits['val'])
        for dataset in _nodes(cfg, f'{mode}_dataloader', 'data_prefix'):
            dataset.update(
                data_root=str(root),
                data_prefix=dict(
                    img_path=split.images, seg_map_path=split.labels
                ),
                metainfo=dict(classes=tuple(classes)),
            )
    _set_num_classes(cfg, len(classes))
    return splits, classes


def describe_coco(root: Path, split: Split) -> str:
    """Return the numbers of images and objects in words."""
    content = json.loads((root / split.labels).read_text())
    paths = [Path(image['file_name']) for image in content['images']]
    return (
        f'{len(paths)} images ({count_suffixes(paths)}), '
        f'{len(content["annotations"])} objects'
    )


def describe_masks(root: Path, split: Split) -> str:
    """Return the number of images in words."""
    pairs = find_pairs(root / split.images, root / split.labels)
    images = [image for image, _ in pairs]
    return f'{len(images)} images ({count_suffixes(images)})'


def _nodes(cfg: Config, address: str, key: str) -> list[dict]:
    """Return the dicts in a part of a config that have a key."""
    nodes = walk(cfg.get(address), address)
    return [node for _, node in nodes if key in node]


def _set_num_classes(cfg: Config, count: int) -> None:
    """Set the number of classes of all heads."""
    for head in _nodes(cfg, 'model', 'num_classes'):
        head['num_classes'] = count
