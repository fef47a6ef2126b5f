"""Configs of the demo fit each other, its data and the paper's tests."""

import re
from pathlib import Path

import pytest
from digit_scenes import CLASSES
from mmengine.registry import DefaultScope

from tests.test_configs import CONFIGS, load


def test_configs_have_the_classes_of_the_data():
    for task, classes in (
        ('mask-rcnn', CLASSES),
        ('upernet', ('background', *CLASSES)),
    ):
        cfg = load(CONFIGS / f'demo/{task}_convnextv2-atto_digits.py')
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            assert loader.dataset.metainfo.classes == classes


def test_results_are_those_of_the_test_split():
    """No setting was chosen on it; no recipe reads the validation split."""
    for path in (CONFIGS / 'demo').glob('*.py'):
        cfg = load(path)
        text = str(cfg.test_dataloader) + str(cfg.test_evaluator)
        assert 'test' in cfg.test_dataloader.dataset.data_root or re.search(
            r"(img_path|img)': '(images/)?test", text
        )
        assert 'val' not in re.findall(r'\w+', cfg.pretty_text)
        assert 'instances_val' not in cfg.pretty_text
        assert 'images/validation' not in cfg.pretty_text


def test_initial_weights_are_the_last_checkpoint_of_pre_training():
    epochs = load(
        CONFIGS / 'demo/fcmae_convnextv2-atto_digits.py'
    ).train_cfg.max_epochs
    for task in ('mask-rcnn', 'upernet'):
        cfg = load(CONFIGS / f'demo/{task}_convnextv2-atto-fcmae_digits.py')
        checkpoint = Path(cfg.model.backbone.init_cfg.checkpoint)
        assert checkpoint.name == f'epoch_{epochs}.pth'


@pytest.mark.parametrize('side', [96, 200])
def test_multi_scale_test_scales_the_test_size(side):
    """MMSegmentation's default scales the original image."""
    import numpy as np
    from mmseg.registry import TRANSFORMS

    cfg = load(CONFIGS / 'demo/upernet_convnextv2-atto_digits.py')
    sizes = []
    with DefaultScope.overwrite_default_scope('mmseg'):
        for resize in cfg.tta_pipeline[1].transforms[0]:
            image = np.zeros((side, side, 3), np.uint8)
            out = TRANSFORMS.build(resize)(
                dict(img=image, img_shape=image.shape[:2])
            )
            sizes.append(out['img'].shape[:2])
    ratios = (0.75, 0.875, 1.0, 1.125, 1.25)
    assert sizes == [(round(64 * r),) * 2 for r in ratios]


def test_soft_nms_is_in_the_r_cnn_only():
    cfg = load(CONFIGS / 'demo/mask-rcnn_convnextv2-atto-fcmae_digits.py')
    assert cfg.model.test_cfg.rcnn.nms.type == 'soft_nms'
    assert cfg.model.test_cfg.rpn.nms.type == 'nms'


@pytest.mark.parametrize('task', ['mask-rcnn', 'upernet'])
def test_configs_differ_in_initial_weights_only(task):
    scratch, fcmae = (
        load(CONFIGS / f'demo/{task}_convnextv2-{name}_digits.py')
        for name in ('atto', 'atto-fcmae')
    )
    assert fcmae.model.backbone.pop('init_cfg').type == 'Pretrained'
    assert scratch.model.backbone.pop('init_cfg') is None
    assert fcmae.to_dict() == scratch.to_dict()
