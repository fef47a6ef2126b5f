"""A config of COCO whose annotations are of one object."""

import json
from pathlib import Path

from mmdet.datasets import CocoDataset
from mmengine.config import Config

from tests.test_configs import CONFIGS

COCO = CONFIGS / 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py'
CLASSES = CocoDataset.METAINFO['classes']


def annotations(*names, **changes):
    """Return annotations of one object, which may be changed."""
    one = dict(
        id=5, image_id=1, category_id=1, bbox=[1, 2, 30, 40], area=900,
        segmentation=[[1, 2, 31, 2, 31, 42]], iscrowd=0,
    )  # fmt: skip
    return dict(
        images=[dict(id=1, file_name='1.jpg', height=64, width=64)],
        categories=[dict(id=i + 1, name=name) for i, name in enumerate(names)],
        annotations=[{**one, **changes}],
    )


def coco_config(tmp_path):
    """The COCO config with a folder of data and one object."""
    cfg = Config.fromfile(COCO)
    (tmp_path / 'annotations').mkdir()
    for mode, year in (('train', 'train2017'), ('val', 'val2017')):
        (tmp_path / year).mkdir()
        file = tmp_path / f'annotations/instances_{year}.json'
        file.write_text(json.dumps(annotations(*CLASSES)))
        cfg[f'{mode}_dataloader'].dataset.data_root = str(tmp_path)
    cfg.val_evaluator.ann_file = str(file)
    return cfg


def write_categories(cfg, *names):
    return write_annotations(cfg, annotations(*names))


def write_annotations(cfg, content):
    """Write annotations of the training, and return their path."""
    dataset = cfg.train_dataloader.dataset
    path = Path(dataset.data_root, dataset.ann_file)
    path.write_text(json.dumps(content))
    return path
