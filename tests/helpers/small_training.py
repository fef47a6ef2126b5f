"""Train configs on a few images, in this process."""

import json
import subprocess
import sys

import numpy as np
from digit_scenes import CLASSES
from mmengine.registry import RUNNERS
from PIL import Image

from mmpretrain_plugin.engine import CheckedRunner
from tests.test_configs import CONFIGS


def run(cfg, work_dir, test=False):
    """Train or test as the tools of the OpenMMLab libraries do."""
    cfg.work_dir = str(work_dir)
    # A process has one visualizer of a name, which keeps its first folder.
    cfg.visualizer.name = str(work_dir)
    cfg.optim_wrapper.type = 'OptimWrapper'
    cfg.optim_wrapper.pop('loss_scale', None)
    for mode in ('train', 'val', 'test'):
        if cfg.get(f'{mode}_dataloader'):
            cfg[f'{mode}_dataloader'].num_workers = 0
            cfg[f'{mode}_dataloader'].persistent_workers = False
    cfg.default_hooks.logger.interval = 1
    runner = RUNNERS.build(cfg)
    assert isinstance(runner, CheckedRunner)
    if test:
        return runner, runner.test()
    runner.train()
    return runner, records(work_dir)


def records(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def make_image_folder(root):
    """Write images of three classes as ImageNet has them."""
    rng = np.random.default_rng(0)
    for split, count in (('train', 4), ('val', 2)):
        for label, name in enumerate(('red', 'green', 'blue')):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 90, (70, 80, 3), np.uint8)
                pixels[..., label] += 150
                Image.fromarray(pixels).save(folder / f'{i}.JPEG')


def use_image_folder(cfg, root):
    """Read such images, and have as many classes where there is a head."""
    for mode in ('train', 'val', 'test'):
        if not cfg.get(f'{mode}_dataloader'):
            continue
        loader = cfg[f'{mode}_dataloader']
        loader.batch_size = 4
        # As MMPretrain's tool does.
        loader.setdefault('collate_fn', dict(type='default_collate'))
        loader.dataset.data_root = str(root)
        loader.dataset.metainfo = dict(classes=('blue', 'green', 'red'))
    if cfg.get('val_evaluator'):
        cfg.val_evaluator.topk = cfg.test_evaluator.topk = (1,)
        for part in (cfg.model.head, cfg.data_preprocessor):
            part.num_classes = 3


def make_scenes(root):
    subprocess.run(
        [sys.executable, CONFIGS.parent / 'tools/demo/make_digit_scenes.py',
         root,
         '--unlabeled', '1', '--train', '4', '--val', '2', '--test', '1'],
        check=True, capture_output=True,
    )  # fmt: skip


def use_scenes_as_coco(cfg, root):
    """Read digit scenes in the place of COCO, with narrow heads."""
    roi_head = cfg.model.roi_head
    cfg.model.neck.out_channels = 16
    cfg.model.rpn_head.update(in_channels=16, feat_channels=16)
    for extractor in (
        roi_head.bbox_roi_extractor,
        roi_head.mask_roi_extractor,
    ):
        extractor.out_channels = 16
    roi_head.bbox_head.update(in_channels=16, fc_out_channels=32)
    roi_head.mask_head.update(in_channels=16, conv_out_channels=16)
    for head in (roi_head.bbox_head, roi_head.mask_head):
        head.num_classes = 10
    for mode, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        dataset = cfg[f'{mode}_dataloader'].dataset
        dataset.data_root = f'{root}/coco/'
        dataset.ann_file = f'annotations/instances_{split}.json'
        dataset.data_prefix = dict(img=f'{split}/')
        dataset.metainfo = dict(classes=tuple(CLASSES))
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.ann_file = f'{root}/coco/annotations/instances_val.json'


def use_scenes_as_ade20k(cfg, root):
    """Read digit scenes in the place of ADE20K, with narrow heads."""
    classes = ('background', *CLASSES)
    for head in (cfg.model.decode_head, cfg.model.auxiliary_head):
        head.update(num_classes=11, channels=16, norm_cfg=dict(type='BN'))
    for mode in ('train', 'val', 'test'):
        dataset = cfg[f'{mode}_dataloader'].dataset
        dataset.data_root = f'{root}/ade20k'
        dataset.type, dataset.reduce_zero_label = 'BaseSegDataset', True
        dataset.metainfo = dict(classes=classes)
