"""Pre-training configs have the values of section 3 and Table 8."""

import re

import pytest
from mmengine.registry import TRANSFORMS, DefaultScope

from mmpretrain_plugin.datasets.transforms import LoadRandomResizedCrop
from tests.test_configs import CONFIGS, PATHS, facts, load

PRETRAINING = [
    p
    for p in PATHS
    if p.parent.name == 'fcmae' and p.name.endswith('e_in1k.py')
]


@pytest.mark.parametrize('path', PRETRAINING, ids=lambda path: path.stem)
def test_expected_results_are_those_of_the_paper(path):
    family, size, epochs = re.search(
        r'(convnext\w*)-(\w+)_.*-(\d+)e_', path.name
    ).groups()
    table = facts.PRETRAINED_V1
    if family == 'convnextv2':
        table = facts.PRETRAINED_V2
    expected = table[size]
    if isinstance(expected, dict):
        expected = expected[int(epochs)] + ' top-1'
    assert f'Expected:   {expected}' in path.read_text()


def test_no_config_is_missing():
    names = {p.stem for p in PRETRAINING}
    assert names == {
        f'fcmae_convnextv2-{size}_64xb64-{epochs}e_in1k'
        for size in facts.SIZES
        for epochs in (800, 1600)
    } | {
        f'fcmae_convnext-{size}_64xb64-800e_in1k'
        for size in facts.PRETRAINED_V1
    }


@pytest.mark.parametrize('path', PRETRAINING, ids=lambda path: path.stem)
def test_values(path):
    cfg, row = load(path), facts.PRETRAINING
    epochs = int(re.search(r'-(\d+)e_', path.name)[1])
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.type == 'AdamW'
    assert optimizer.lr == pytest.approx(row.base_lr * row.batch / 256)
    assert optimizer.betas == row.betas
    assert optimizer.weight_decay == row.weight_decay
    assert cfg.optim_wrapper.constructor == 'LayerDecayOptimWrapperConstructor'
    assert cfg.optim_wrapper.type == 'OptimWrapper'
    assert cfg.train_cfg.max_epochs == epochs
    warmup, cosine = cfg.param_scheduler
    assert (warmup.type, warmup.end) == ('LinearLR', row.warmup)
    assert (cosine.type, cosine.begin, cosine.end) == (
        'CosineAnnealingLR', row.warmup, epochs,
    )  # fmt: skip
    assert cosine.T_max == epochs - row.warmup
    assert cosine.get('eta_min', 0) == 0
    assert cfg.train_dataloader.batch_size * 64 == row.batch
    assert cfg.auto_scale_lr.base_batch_size == row.batch
    crop, flip, pack = cfg.train_dataloader.dataset.pipeline
    crop = TRANSFORMS.build(crop)
    assert isinstance(crop, LoadRandomResizedCrop)
    assert (crop.scale, crop.crop_ratio_range) == (
        (row.pixels, row.pixels), row.crop_scale,
    )  # fmt: skip
    assert crop.interpolation == 'bicubic'
    assert (flip.type, flip.prob) == ('RandomFlip', 0.5)
    assert pack.type == 'PackInputs'
    assert cfg.data_preprocessor.mean == [123.675, 116.28, 103.53]
    assert cfg.data_preprocessor.std == [58.395, 57.12, 57.375]
    model = cfg.model
    assert (model.mask_ratio, model.patch_size) == (
        row.mask_ratio, row.patch_size,
    )  # fmt: skip
    assert model.encoding == 'packed'
    assert (model.neck.embed_dim, model.neck.depth) == (
        row.decoder_dim, row.decoder_depth,
    )  # fmt: skip
    assert model.head.norm_pix


def test_the_folder_config_reads_a_folder_of_images(tmp_path):
    from mmpretrain.registry import DATASETS
    from PIL import Image

    for i in range(3):
        Image.new('RGB', (300, 260), (i, 0, 0)).save(tmp_path / f'{i}.png')
    cfg = load(CONFIGS / 'fcmae/fcmae_convnextv2-tiny_1xb64-800e_folder.py')
    cfg.train_dataloader.dataset.data_root = str(tmp_path)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(dataset) == 3
    assert dataset[0]['inputs'].shape == (3, 224, 224)
    assert cfg.auto_scale_lr.enable


def without_scopes(node):
    """Return a part of a config without what mmengine adds on inheriting."""
    if isinstance(node, dict):
        return {k: without_scopes(v) for k, v in node.items()
                if k != '_scope_'}  # fmt: skip
    return [*map(without_scopes, node)] if isinstance(node, list) else node


def test_huge_at_384_pixels_differs_in_the_crop_only():
    """Section 5, for the results with ImageNet-22K (Table 15)."""
    path = CONFIGS / 'fcmae/fcmae_convnextv2-huge_64xb64-1600e_in1k.py'
    usual = load(path)
    path = path.with_stem(f'{path.stem}-384px')
    cfg = load(path)
    assert 384 % facts.PRETRAINING.patch_size == 0
    for config in (usual.train_dataloader.dataset, usual):
        crop = config.get('train_pipeline', config.get('pipeline'))[0]
        assert (crop.type, crop.scale) == ('LoadRandomResizedCrop', 224)
        crop.scale = 384
    assert without_scopes(cfg.to_dict()) == without_scopes(usual.to_dict())
    results = [
        facts.ACCURACY[f'convnextv2-huge-fcmae-in22k-{side}px']
        for side in (384, 512)
    ]
    text = path.read_text()
    assert f'{results[0]} at 384 and {results[1]} at 512 pixels' in text
