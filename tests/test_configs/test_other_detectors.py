"""Cascade Mask R-CNN and Mask2Former train a step on few images."""

import numpy as np
import pytest

from mmpretrain_plugin.engine.runners.input_files import walk
from tests.helpers.small_training import make_scenes, run
from tests.test_configs import CONFIGS, load

pytestmark = pytest.mark.slow

COCO = [
    'cascade-mask-rcnn_convnextv2-tiny-fcmae_fpn_8xb4-lsj-3x_coco',
    'cascade-mask-rcnn_convnext-tiny-dinov3_fpn_8xb4-lsj-3x_coco',
    'mask2former_convnextv2-tiny-fcmae_8xb2-lsj-50e_coco',
    'mask2former_convnext-tiny-dinov3_8xb2-lsj-50e_coco',
]
ADE20K = [
    'mask2former_convnextv2-tiny-fcmae_8xb2-160k_ade20k-512x512',
    'mask2former_convnext-tiny-dinov3_8xb2-160k_ade20k-512x512',
]
DIGITS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven',
          'eight', 'nine')  # fmt: skip


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes') / 'data'
    make_scenes(root)
    return root


def shortened(path, classes):
    """Load a config with few small images, one step, and random weights."""
    cfg = load(path)
    # A block that is dropped for both images has no gradient.
    cfg.model.backbone.update(init_cfg=None, drop_path_rate=0.0)
    things = len(classes)
    for _, node in walk(cfg.model, 'model'):
        if 'num_classes' in node:
            node['num_classes'] = things
        if 'num_things_classes' in node:
            node['num_things_classes'] = things
        if 'class_weight' in node:
            node['class_weight'] = [1.0] * things + [0.1]
        if node.get('type') == 'BatchFixedSizePad':
            node['size'] = (96, 96)
    for mode in ('train', 'val', 'test'):
        loader = cfg[f'{mode}_dataloader']
        loader.batch_size = 2 if mode == 'train' else 1
        loader.dataset.metainfo = dict(classes=classes)
        for step in loader.dataset.pipeline:
            for key in ('scale', 'crop_size'):
                if key in step:
                    step[key] = (96, 96)
            if 'ratio_range' in step:  # below, no anchor fits in an image
                step['ratio_range'] = (0.8, 2.0)
            if 'scales' in step:
                step.update(scales=[96], max_size=200)
    cfg.param_scheduler = []
    if cfg.train_cfg.type == 'IterBasedTrainLoop':
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=1)
        cfg.default_hooks.checkpoint.interval = 1
    else:
        cfg.train_cfg.max_epochs = 1
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.pop('save_best', None)
    return cfg


def check_a_step(cfg, work_dir):
    """Losses are finite, and every parameter of the backbone learns."""
    runner, log = run(cfg, work_dir)
    losses = [line['loss'] for line in log if 'loss' in line]
    assert losses and np.isfinite(losses).all()
    state = runner.optim_wrapper.optimizer.state
    for name, parameter in runner.model.backbone.named_parameters():
        # After one step, a share of the gradient.
        gradient = state[parameter]['exp_avg']
        assert gradient.isfinite().all() and gradient.any(), name


@pytest.mark.parametrize('name', COCO)
def test_coco(name, scenes, tmp_path):
    cfg = shortened(CONFIGS / f'coco/{name}.py', DIGITS)
    cfg.train_dataloader.dataset.update(
        data_root=f'{scenes}/coco/',
        ann_file='annotations/instances_train.json',
    )
    cfg.train_dataloader.dataset.data_prefix.img = 'train/'
    check_a_step(cfg, tmp_path / 'work')


@pytest.mark.parametrize('name', ADE20K)
def test_ade20k(name, scenes, tmp_path):
    classes = ('background', *DIGITS)
    cfg = shortened(CONFIGS / f'ade20k/{name}.py', classes)
    cfg.train_dataloader.dataset.update(
        type='BaseSegDataset',
        data_root=f'{scenes}/ade20k',
        reduce_zero_label=True,
    )
    check_a_step(cfg, tmp_path / 'work')
