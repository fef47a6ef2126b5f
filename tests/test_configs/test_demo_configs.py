"""The demo's leaves fit each other, its data and the paper's tests."""

from pathlib import Path

import pytest
from digit_scenes import CLASSES
from mmengine.config import Config
from mmengine.registry import DefaultScope

from tests.test_configs import CONFIGS


def test_demo_and_data_name_the_same_classes():
    for task, classes in (
        ('mask-rcnn', CLASSES),
        ('upernet', ('background', *CLASSES)),
    ):
        cfg = Config.fromfile(
            CONFIGS / f'demo/{task}_convnextv2-atto_digits.py'
        )
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            assert loader.dataset.metainfo.classes == classes


def test_the_demo_starts_from_what_its_pretraining_writes():
    epochs = Config.fromfile(
        CONFIGS / 'demo/fcmae_convnextv2-atto_digits.py'
    ).train_cfg.max_epochs
    for task in ('mask-rcnn', 'upernet'):
        cfg = Config.fromfile(
            CONFIGS / f'demo/{task}_convnextv2-atto-fcmae_digits.py'
        )
        checkpoint = Path(cfg.model.backbone.init_cfg.checkpoint)
        assert checkpoint.name == f'epoch_{epochs}.pth'


@pytest.mark.parametrize('side', [160, 200])
def test_multi_scale_test_resizes_to_ratios_of_the_test_size(side):
    """Not of the original picture, which the host's default takes."""
    import numpy as np
    from mmseg.registry import TRANSFORMS

    cfg = Config.fromfile(CONFIGS / 'demo/upernet_convnextv2-atto_digits.py')
    sizes = []
    with DefaultScope.overwrite_default_scope('mmseg'):
        for resize in cfg.tta_pipeline[1].transforms[0]:
            picture = np.zeros((side, side, 3), np.uint8)
            out = TRANSFORMS.build(resize)(
                dict(img=picture, img_shape=picture.shape[:2])
            )
            sizes.append(out['img'].shape[:2])
    ratios = (0.75, 0.875, 1.0, 1.125, 1.25)
    assert sizes == [(round(160 * r),) * 2 for r in ratios]


def test_soft_nms_is_in_the_r_cnn_only():
    cfg = Config.fromfile(
        CONFIGS / 'demo/mask-rcnn_convnextv2-atto-fcmae_digits.py'
    )
    assert cfg.model.test_cfg.rcnn.nms.type == 'soft_nms'
    assert cfg.model.test_cfg.rpn.nms.type == 'nms'


@pytest.mark.parametrize('task', ['mask-rcnn', 'upernet'])
def test_both_starts_have_the_same_budget(task):
    """The leaves differ in the weights they start from and nothing else."""
    scratch, fcmae = (
        Config.fromfile(CONFIGS / f'demo/{task}_convnextv2-{name}_digits.py')
        for name in ('atto', 'atto-fcmae')
    )
    assert fcmae.model.backbone.pop('init_cfg').type == 'Pretrained'
    assert fcmae.to_dict() == scratch.to_dict()
