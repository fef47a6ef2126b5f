"""Configs of configs/imagenet have the values of Tables 9 to 13."""

import re

import pytest

from tests.test_configs import CONFIGS, load
from tests.test_configs.facts import (
    ACCURACY,
    LINEAR,
    SIZES,
    WIDTHS,
    imagenet_configs,
)

FACTS = imagenet_configs()
LINEAR_CONFIGS = {
    size: f'convnextv2-{size}-fcmae_8xb2048-linear-90e_in1k' for size in SIZES
}


def test_no_config_is_missing():
    assert {p.stem for p in (CONFIGS / 'imagenet').glob('*.py')} == {
        *FACTS, *LINEAR_CONFIGS.values(),
    }  # fmt: skip


def load_named(name):
    return load(CONFIGS / 'imagenet' / f'{name}.py')


@pytest.mark.parametrize('name', FACTS)
def test_optimizer_and_schedule(name):
    cfg, row = load_named(name), FACTS[name]
    lr = row.base_lr * row.batch / 256
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.type == 'AdamW'
    assert optimizer.lr == pytest.approx(lr)
    assert optimizer.betas == (0.9, 0.999)
    assert optimizer.weight_decay == row.weight_decay
    decay = cfg.optim_wrapper.paramwise_cfg
    assert decay.layer_decay_rate == row.decay
    assert decay.decay_type == row.kind
    assert cfg.train_cfg.max_epochs == row.epochs
    *warmup, cosine = cfg.param_scheduler
    assert [w.end for w in warmup] == ([row.warmup] if row.warmup else [])
    assert (cosine.type, cosine.begin) == ('CosineAnnealingLR', row.warmup)
    assert cosine.eta_min_ratio * lr == pytest.approx(1e-6)
    gpus, images = re.search(r'_(\d+)xb(\d+)-', name).groups()
    assert int(images) == cfg.train_dataloader.batch_size
    assert int(gpus) * int(images) == row.batch
    assert cfg.auto_scale_lr.base_batch_size == row.batch
    hooks = [(h.type, 1 - h.momentum) for h in cfg.custom_hooks]
    assert hooks == ([('EMAHook', row.ema)] if row.ema else [])


@pytest.mark.parametrize('name', FACTS)
def test_model_and_regularization(name):
    cfg, row = load_named(name), FACTS[name]
    family, size = re.match(r'(convnext\w*)-([a-z]+)', name).groups()
    backbone, head = cfg.model.backbone, cfg.model.head
    assert (backbone.type, backbone.arch) == ('ConvNeXtV2', size)
    assert backbone.get('use_grn', True) == (family == 'convnextv2')
    layer_scale = backbone.get('layer_scale_init_value', 0)
    assert layer_scale == (0 if family == 'convnextv2' else 1e-6)
    assert backbone.drop_path_rate == row.drop_path
    assert head.loss.label_smooth_val == row.smoothing
    assert head.init_cfg.std == pytest.approx(0.02 * row.head_init)
    assert head.num_classes == row.classes
    assert cfg.data_preprocessor.num_classes == row.classes
    augments = (cfg.model.train_cfg or {}).get('augments', [])
    wanted = [('Mixup', row.mixup), ('CutMix', row.cutmix)]
    assert [(a.type, a.alpha) for a in augments] == wanted * bool(row.mixup)
    # Without probabilities, each batch uses one of the two equally often.
    assert (cfg.model.train_cfg or {}).get('probs') is None


@pytest.mark.parametrize('name', FACTS)
def test_augmentation_and_evaluation(name):
    cfg, row = load_named(name), FACTS[name]
    load_, crop, flip, rand, erase, pack = (
        cfg.train_dataloader.dataset.pipeline
    )
    assert (load_.type, pack.type) == ('LoadImageFromFile', 'PackInputs')
    assert (crop.type, crop.scale) == ('RandomResizedCrop', row.pixels)
    assert (crop.interpolation, crop.backend) == ('bicubic', 'pillow')
    assert (flip.type, flip.prob) == ('RandomFlip', 0.5)
    assert (rand.type, rand.magnitude_level, rand.magnitude_std) == (
        'RandAugment', 9, 0.5,
    )  # fmt: skip
    assert (erase.type, erase.erase_prob) == ('RandomErasing', 0.25)
    if row.classes != 1000:
        assert cfg.val_dataloader is None and cfg.test_dataloader is None
        return
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        _, resize, *rest = loader.dataset.pipeline
        assert resize.interpolation == 'bicubic'
        if row.pixels == 224:
            assert (resize.type, resize.scale, resize.edge) == (
                'ResizeEdge', 256, 'short',
            )  # fmt: skip
            assert (rest[0].type, rest[0].crop_size) == ('CenterCrop', 224)
        else:
            assert (resize.type, resize.scale) == (
                'Resize', (row.pixels, row.pixels),
            )  # fmt: skip
            assert [t.type for t in rest] == ['PackInputs']


@pytest.mark.parametrize('name', FACTS)
def test_initial_weights_and_expected_result(name):
    cfg = load_named(name)
    init = cfg.model.backbone.get('init_cfg')
    text = (CONFIGS / 'imagenet' / f'{name}.py').read_text()
    if '-fcmae_' in name and name.startswith('convnextv2'):
        assert '_3rdparty-fcmae_in1k' in init.checkpoint
    elif '-in22k_' in name or '-fcmae_' in name:
        run = re.match(r'work_dirs/(.*)/epoch_(\d+)\.pth', init.checkpoint)
        if run:
            (source,) = CONFIGS.glob(f'*/{run[1]}.py')
            epochs = load(source).train_cfg.max_epochs
            assert epochs == int(run[2])
        else:
            assert '_3rdparty_in21k' in init.checkpoint
    else:
        assert init is None
    if FACTS[name].classes == 1000:
        key = re.sub(r'_\d+xb\d+-\d+e_in1k', '', name)
        expected = ACCURACY.get(name, ACCURACY[key])
        assert f'Expected:   {expected} top-1' in text


@pytest.mark.parametrize('size', SIZES)
def test_linear_evaluation_has_the_values_of_mmpretrains_recipe(size):
    name = LINEAR_CONFIGS[size]
    cfg = load_named(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.type == 'LARS'
    assert optimizer.lr == pytest.approx(LINEAR.base_lr * LINEAR.batch / 256)
    assert (optimizer.momentum, optimizer.weight_decay) == (0.9, 0)
    assert 8 * cfg.train_dataloader.batch_size == LINEAR.batch
    assert cfg.auto_scale_lr.base_batch_size == LINEAR.batch
    assert cfg.train_cfg.max_epochs == LINEAR.epochs
    warmup, cosine = cfg.param_scheduler
    assert (warmup.end, cosine.begin, cosine.end, cosine.T_max) == (
        LINEAR.warmup, LINEAR.warmup, LINEAR.epochs,
        LINEAR.epochs - LINEAR.warmup,
    )  # fmt: skip
    assert [t.type for t in cfg.train_dataloader.dataset.pipeline] == [
        'LoadImageFromFile', 'RandomResizedCrop', 'RandomFlip', 'PackInputs',
    ]  # fmt: skip
    assert cfg.get('custom_hooks') is None  # no average of the weights
    backbone, head = cfg.model.backbone, cfg.model.head
    assert (backbone.type, backbone.arch) == ('ConvNeXtV2', size)
    assert f'-v2-{size}_3rdparty-fcmae_in1k' in backbone.init_cfg.checkpoint
    assert cfg.model.neck.input_features == head.in_channels == WIDTHS[size]
    assert (head.init_cfg[0].type, head.init_cfg[0].std) == (
        'TruncNormal', LINEAR.head_std,
    )  # fmt: skip
    assert head.loss.get('label_smooth_val') is None
    assert cfg.model.get('train_cfg') is None  # no Mixup or CutMix
    text = (CONFIGS / 'imagenet' / f'{name}.py').read_text()
    assert 'Expected:   not measured' in text
