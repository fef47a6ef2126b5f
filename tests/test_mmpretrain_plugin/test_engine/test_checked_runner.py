"""Bad input ends a run before it starts, with a line that names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmpretrain_plugin.engine.checked_runner import check_classes, check_files
from tests.test_configs import CONFIGS, LEAVES

COCO = CONFIGS / 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py'
ADE = CONFIGS / (
    'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_ade20k-512x512.py'
)
IMAGENET = CONFIGS / 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py'


def build(cfg):
    with (
        DefaultScope.overwrite_default_scope(cfg.default_scope),
        torch.device('meta'),
    ):
        return MODELS.build(cfg.model)


def test_every_recipe_asks_for_it():
    for path in LEAVES:
        if path.parent.name != 'demo':
            assert Config.fromfile(path).runner_type == 'CheckedRunner', path


@pytest.mark.parametrize(
    ('path', 'missing'),
    [
        (IMAGENET, 'data/imagenet/train of train_dataloader.dataset'),
        (COCO, 'data/coco/train2017 of train_dataloader.dataset'),
        (ADE, 'images/training of train_dataloader.dataset'),
    ],
)
def test_missing_data(path, missing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=missing) as error:
        check_files(Config.fromfile(path), ('train',))
    assert 'set train_dataloader.dataset.data_root' in str(error.value)
    assert '\n' not in str(error.value)


def test_annotations_of_the_evaluator_do_not_follow_the_data(tmp_path):
    """Else a run ends after its first epoch."""
    cfg = Config.fromfile(COCO)
    for mode, year in (('train', 'train2017'), ('val', 'val2017')):
        (tmp_path / year).mkdir()
        (tmp_path / 'annotations').mkdir(exist_ok=True)
        (tmp_path / f'annotations/instances_{year}.json').write_text('{}')
        cfg[f'{mode}_dataloader'].dataset.data_root = str(tmp_path)
    with pytest.raises(FileNotFoundError, match='val_evaluator.ann_file'):
        check_files(cfg, ('train', 'val'))
    cfg.val_evaluator.ann_file = str(
        tmp_path / 'annotations/instances_val2017.json'
    )
    check_files(cfg, ('train', 'val'))


def test_missing_checkpoint():
    cfg = Config.fromfile(
        CONFIGS / 'coco/mask-rcnn_convnextv2-base_fpn_8xb4-lsj-3x_coco.py'
    )
    with pytest.raises(FileNotFoundError) as error:
        check_files(cfg, ())
    assert 'epoch_300.pth of model.backbone.init_cfg.checkpoint' in str(
        error.value
    )
    cfg.load_from = 'nowhere.pth'
    with pytest.raises(FileNotFoundError, match='nowhere.pth of load_from'):
        check_files(cfg, ())
    cfg.load_from = None
    cfg.model.backbone.init_cfg.checkpoint = 'https://example.org/a.pth'
    check_files(cfg, ())


@pytest.mark.parametrize(
    ('path', 'option', 'named'),
    [
        (IMAGENET, 'model.head', 'model.head has 7 classes'),
        (COCO, 'model.roi_head.bbox_head', 'roi_head.bbox_head has 7'),
        (COCO, 'model.roi_head.mask_head', 'roi_head.mask_head has 7'),
        (ADE, 'model.decode_head', 'model.decode_head has 7 classes'),
    ],
)
def test_wrong_number_of_classes(path, option, named):
    cfg = Config.fromfile(path)
    check_classes(build(cfg), cfg, 'train')
    cfg.merge_from_dict({f'{option}.num_classes': 7})
    with pytest.raises(ValueError, match=named) as error:
        check_classes(build(cfg), cfg, 'train')
    assert 'train_dataloader.dataset' in str(error.value)
    assert '\n' not in str(error.value)


def test_own_classes_and_folders_are_counted(tmp_path):
    cfg = Config.fromfile(COCO)
    cfg.model.roi_head.bbox_head.num_classes = 2
    cfg.model.roi_head.mask_head.num_classes = 2
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=2,
        dataset=dict(
            cfg.train_dataloader.dataset, metainfo=dict(classes=('a', 'b'))
        ),
    )  # fmt: skip
    check_classes(build(cfg), cfg, 'train')

    cfg = Config.fromfile(IMAGENET)
    for name in ('a', 'b', 'c'):
        (tmp_path / name).mkdir()
    cfg.train_dataloader.dataset = dict(
        type='CustomDataset', data_root=str(tmp_path)
    )
    with pytest.raises(ValueError, match='head has 1000 classes .* has 3'):
        check_classes(build(cfg), cfg, 'train')


@pytest.mark.slow
def test_a_user_reads_one_line_before_anything_starts(tmp_path):
    """Through mim, as they type it."""
    result = subprocess.run(
        [Path(sys.executable).with_name('mim'), 'train', 'mmpretrain',
         str(IMAGENET), '--work-dir', str(tmp_path / 'run')],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''},
    )  # fmt: skip
    assert result.returncode != 0
    lines = (result.stdout + result.stderr).splitlines()
    assert any(
        line.startswith('FileNotFoundError: data/imagenet/train of ')
        for line in lines
    ), lines[-10:]
    assert not list((tmp_path / 'run').rglob('*.pth'))
