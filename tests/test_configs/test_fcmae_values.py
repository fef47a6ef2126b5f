"""Pre-training holds the values of Table 8 and names the right results."""

import re

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from tests.test_configs import CONFIGS, LEAVES
from tests.test_configs.facts import SIZES

PRETRAINING = [
    p
    for p in LEAVES
    if p.parent.name == 'fcmae' and p.name.endswith('e_in1k.py')
]


def ids(path):
    return path.stem


# Table 4 says it for these; the others are printed without their epochs.
EXPECTED = {
    'base': {800: '84.6', 1600: '84.9'},
    'large': {800: '85.6', 1600: '85.8'},
    'huge': {800: '85.8', 1600: '86.3'},
    'atto': '76.7',
    'femto': '78.5',
    'pico': '80.3',
    'nano': '81.9',
    'tiny': '83.0',
}


# Table 3, for V1.
V1_EXPECTED = {'base': '83.7', 'large': '84.4'}


@pytest.mark.parametrize('path', PRETRAINING, ids=ids)
def test_expected_results_are_the_papers(path):
    family, size, epochs = re.search(
        r'(convnext\w*)-(\w+)_.*-(\d+)e_', path.name
    ).groups()
    expected = (EXPECTED if family == 'convnextv2' else V1_EXPECTED)[size]
    if isinstance(expected, dict):
        expected = expected[int(epochs)] + ' top-1'
    assert f'Expected:   {expected}' in path.read_text()


def test_no_config_is_missing():
    names = {p.stem for p in PRETRAINING}
    assert names == {
        f'fcmae_convnextv2-{size}_64xb64-{epochs}e_in1k'
        for size in SIZES
        for epochs in (800, 1600)
    } | {f'fcmae_convnext-{size}_64xb64-800e_in1k' for size in V1_EXPECTED}


@pytest.mark.parametrize('path', PRETRAINING, ids=ids)
def test_pretraining_values_are_those_of_table_8(path):
    cfg = Config.fromfile(path)
    epochs = int(re.search(r'-(\d+)e_', path.name)[1])
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.type == 'AdamW'
    assert optimizer.lr == pytest.approx(1.5e-4 * 4096 / 256)
    assert optimizer.betas == (0.9, 0.95)
    assert optimizer.weight_decay == 0.05
    assert cfg.optim_wrapper.constructor == 'LayerDecayOptimWrapperConstructor'
    assert cfg.optim_wrapper.type == 'OptimWrapper'
    assert cfg.train_cfg.max_epochs == epochs
    warmup, cosine = cfg.param_scheduler
    assert (warmup.type, warmup.end) == ('LinearLR', 40)
    assert (cosine.type, cosine.begin, cosine.end) == (
        'CosineAnnealingLR', 40, epochs,
    )  # fmt: skip
    assert cosine.T_max == epochs - 40
    assert cosine.get('eta_min', 0) == 0
    assert cfg.train_dataloader.batch_size * 64 == 4096
    assert cfg.auto_scale_lr.base_batch_size == 4096
    load, crop, flip, pack = cfg.train_dataloader.dataset.pipeline
    assert load.type == 'LoadImageFromFile'
    assert crop.type == 'RandomResizedCrop'
    assert (crop.scale, crop.crop_ratio_range) == (224, (0.2, 1.0))
    assert crop.interpolation == 'bicubic'
    assert (flip.type, flip.prob) == ('RandomFlip', 0.5)
    assert pack.type == 'PackInputs'
    assert cfg.data_preprocessor.mean == [123.675, 116.28, 103.53]
    assert cfg.data_preprocessor.std == [58.395, 57.12, 57.375]
    model = cfg.model
    assert (model.mask_ratio, model.patch_size) == (0.6, 32)
    assert model.encoding == 'packed'
    assert (model.neck.embed_dim, model.neck.depth) == (512, 1)
    assert model.head.norm_pix


def test_the_flat_folder_config_reads_a_folder(tmp_path):
    from mmpretrain.registry import DATASETS
    from PIL import Image

    for i in range(3):
        Image.new('RGB', (300, 260), (i, 0, 0)).save(tmp_path / f'{i}.png')
    cfg = Config.fromfile(
        CONFIGS / 'fcmae/fcmae_convnextv2-tiny_1xb64-800e_folder.py'
    )
    cfg.train_dataloader.dataset.data_root = str(tmp_path)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(dataset) == 3
    assert dataset[0]['inputs'].shape == (3, 224, 224)
    assert cfg.auto_scale_lr.enable
