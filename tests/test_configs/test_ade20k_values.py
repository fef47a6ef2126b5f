"""Configs of configs/ade20k have the values of section A.4 and Table 7."""

import re

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS, DefaultScope

from mmpretrain_plugin.models.backbones.convnext_v2 import (
    resolve_architecture,
)
from tests.test_configs import CONFIGS, facts, load

PATHS = sorted((CONFIGS / 'ade20k').glob('upernet_*.py'))


def test_no_config_is_missing():
    names = {f'convnextv2-{size}-fcmae' for size in facts.SIZES}
    names |= set(facts.MIOU) - {'convnextv2-huge-fcmae-in22k'}
    names |= {f'convnext-{size}-dinov3' for size in facts.DINOV3}
    assert {p.stem for p in PATHS} == {
        f'upernet_{name}_8xb2-160k_ade20k-512x512' for name in names
    } | {'upernet_convnextv2-huge-fcmae-in22k_8xb2-160k_ade20k-640x640'}


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_values(path):
    cfg = load(path)
    name, pixels = re.match(
        r'upernet_(.*)_8xb2-160k_ade20k-(\d+)x\2', path.stem
    ).groups()
    pixels = int(pixels)
    family, size = re.match(r'(convnext\w*)-([a-z]+)', name).groups()
    decay, lr, drop_path = facts.ADE_CHOICE[size]
    assert decay in facts.ADE_DECAYS and lr in facts.ADE_RATES
    assert drop_path in facts.ADE_DROP_PATHS
    wrapper = cfg.optim_wrapper
    assert wrapper.type == 'AmpOptimWrapper'
    assert wrapper.optimizer.to_dict() == dict(
        type='AdamW',
        lr=lr,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,
    )
    assert wrapper.paramwise_cfg.to_dict() == dict(
        layer_decay_rate=decay, decay_type='layer'
    )
    assert 8 * cfg.train_dataloader.batch_size == 16
    assert cfg.train_cfg.max_iters == 160000
    warmup, linear = cfg.param_scheduler
    assert (warmup.type, warmup.end) == ('LinearLR', 1500)
    assert (linear.type, linear.power, linear.end) == ('PolyLR', 1.0, 160000)
    backbone = cfg.model.backbone
    assert (backbone.arch, backbone.drop_path_rate) == (size, drop_path)
    assert backbone.get('use_grn', True) == (family == 'convnextv2')
    channels = resolve_architecture(size)[1]
    assert tuple(cfg.model.decode_head.in_channels) == channels
    assert cfg.model.auxiliary_head.in_channels == channels[2]
    assert cfg.model.decode_head.num_classes == 150
    assert cfg.model.data_preprocessor.size == (pixels, pixels)
    steps = {t.type: t for t in cfg.train_dataloader.dataset.pipeline}
    assert steps['RandomResize'].scale == (4 * pixels, pixels)
    assert steps['RandomCrop'].crop_size == (pixels, pixels)
    (test,) = (
        t for t in cfg.test_dataloader.dataset.pipeline if t.type == 'Resize'
    )
    assert test.scale == (4 * pixels, pixels) and test.keep_ratio
    iou, text = facts.MIOU.get(name), path.read_text()
    assert f'Expected:   {f"{iou} mIoU" if iou else "unknown"}' in text


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_initial_weights_are_supervised(path):
    checkpoint = load(path).model.backbone.init_cfg.checkpoint
    if '-in22k_' in path.stem:
        assert 'huge_fcmae-in21k-pre_3rdparty_in1k' in checkpoint
    elif '-fcmae_' in path.stem:
        assert '_fcmae-pre_3rdparty_in1k' in checkpoint
    elif match := re.search(r'_convnext-(\w+)-dinov3_', path.stem):
        assert checkpoint == facts.dinov3_file(match[1])
    elif '_convnext-' in path.stem:
        assert re.search(r'convnext-\w+_3rdparty_\d+xb\d+_in1k', checkpoint)
    else:
        run = re.match(r'work_dirs/(.*)/epoch_300\.pth', checkpoint)[1]
        assert (CONFIGS / f'imagenet/{run}.py').exists()


# Height and width of images, and their sizes in the multi-scale test: the
# short side is 512 r unless the long side would exceed 2048 r. Computed by
# hand.
SIZES_512 = {
    (512, 683): [(384, 512), (448, 598), (512, 683), (576, 768), (640, 854)],
    (683, 512): [(512, 384), (598, 448), (683, 512), (768, 576), (854, 640)],
    (256, 256): [(384, 384), (448, 448), (512, 512), (576, 576), (640, 640)],
    (200, 1000): [
        (307, 1536), (358, 1792), (410, 2048), (461, 2304), (512, 2560),
    ],
}  # fmt: skip
SIZES_640 = {
    (512, 512): [(480, 480), (560, 560), (640, 640), (720, 720), (800, 800)],
    (480, 640): [(480, 640), (560, 747), (640, 853), (720, 960), (800, 1067)],
}


@pytest.mark.parametrize(
    ('pixels', 'shape', 'wanted'),
    [(512, *row) for row in SIZES_512.items()]
    + [(640, *row) for row in SIZES_640.items()],
)
def test_image_sizes_of_the_multi_scale_test(pixels, shape, wanted):
    """Five sizes, without and with flipping (mmsegmentation issue 909)."""
    (path,) = (
        p for p in PATHS
        if 'huge-fcmae' in p.stem and f'-{pixels}x{pixels}' in p.stem
    )  # fmt: skip
    cfg = load(path)
    image = np.zeros((*shape, 3), np.uint8)
    image[:, : shape[1] // 2] = 255  # reveals flipping
    with DefaultScope.overwrite_default_scope('mmseg'):
        resizes, flips = cfg.tta_pipeline[1].transforms[:2]
        tta = TRANSFORMS.build(
            dict(type='TestTimeAug', transforms=[resizes, flips])
        )
        out = tta(dict(img=image, img_shape=shape))
    sizes = [scaled.shape[:2] for scaled in out['img']]
    assert sizes == [size for size in wanted for _ in range(2)]
    brighter_left = [
        scaled[:, :9].mean() > scaled[:, -9:].mean() for scaled in out['img']
    ]
    assert brighter_left == [True, False] * 5
