"""Bad input ends a run before it starts, with a line that names it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmpretrain_plugin.engine.runners.checked_runner import (
    check_classes,
    check_files,
)
from tests.test_configs import CONFIGS

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


def test_missing_checkpoint(tmp_path, monkeypatch):
    """Parts load theirs even where load_from comes on top."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(
        CONFIGS / 'coco/mask-rcnn_convnextv2-base_fpn_8xb4-lsj-3x_coco.py'
    )
    cfg.train_dataloader = cfg.val_dataloader = cfg.test_dataloader = None
    cfg.val_evaluator = cfg.test_evaluator = None
    part = 'epoch_300.pth of model.backbone.init_cfg.checkpoint'
    for load_from in (None, 'https://example.org/b.pth'):
        cfg.load_from = load_from
        with pytest.raises(FileNotFoundError, match=part):
            check_files(cfg, ('train', 'val'))
        check_files(cfg, ('test',))  # a test loads the whole model
    cfg.load_from = 'nowhere.pth'
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth of load_from'):
        check_files(cfg, ('test',))
    cfg.load_from = None
    cfg.model.backbone.init_cfg.checkpoint = 'https://example.org/a.pth'
    check_files(cfg, ('train', 'val'))


@pytest.mark.parametrize(
    ('path', 'option', 'named'),
    [
        (IMAGENET, 'model.head', 'model.head.num_classes is 7'),
        (
            COCO,
            'model.roi_head.bbox_head',
            'roi_head.bbox_head.num_classes is 7',
        ),
        (
            COCO,
            'model.roi_head.mask_head',
            'roi_head.mask_head.num_classes is 7',
        ),
        (ADE, 'model.decode_head', 'model.decode_head.num_classes is 7'),
    ],
)
def test_wrong_number_of_classes(path, option, named):
    cfg = Config.fromfile(path)
    check_classes(build(cfg), cfg, ('train', 'val'))
    cfg.merge_from_dict({f'{option}.num_classes': 7})
    with pytest.raises(ValueError, match=named) as error:
        check_classes(build(cfg), cfg, ('train', 'val'))
    assert 'train_dataloader.dataset' in str(error.value)
    assert '\n' not in str(error.value)


def test_own_classes_and_folders_are_counted(tmp_path):
    cfg = Config.fromfile(COCO)
    cfg.val_dataloader = None
    cfg.model.roi_head.bbox_head.num_classes = 2
    cfg.model.roi_head.mask_head.num_classes = 2
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=2,
        dataset=dict(
            cfg.train_dataloader.dataset, metainfo=dict(classes=('a', 'b'))
        ),
    )  # fmt: skip
    check_classes(build(cfg), cfg, ('train', 'val'))

    cfg = Config.fromfile(IMAGENET)
    for name in ('a', 'b', 'c'):
        (tmp_path / name).mkdir()
    cfg.train_dataloader.dataset = dict(
        type='CustomDataset', data_root=str(tmp_path)
    )
    with pytest.raises(
        ValueError, match='head.num_classes is 1000 .* has 3 classes'
    ):
        check_classes(build(cfg), cfg, ('train', 'val'))


def test_categories_of_other_names_are_refused(tmp_path):
    """The host would drop their objects, or end in an empty list."""
    cfg = Config.fromfile(COCO)
    names = ('cat', 'unicorn', 'dragon')
    (tmp_path / 'a.json').write_text(
        json.dumps({'categories': [{'name': name} for name in names]})
    )
    for mode in ('train', 'val'):
        dataset = cfg[f'{mode}_dataloader'].dataset
        dataset.update(data_root=str(tmp_path), ann_file='a.json')
    with pytest.raises(ValueError, match=r'unicorn, dragon, 2 of 3; set tra'):
        check_classes(build(cfg), cfg, ('train', 'val'))


def test_the_preprocessor_is_compared_too():
    """Mixup would make targets of its number of classes."""
    cfg = Config.fromfile(IMAGENET)
    model = MODELS.build(dict(type='mmpretrain.ClsDataPreprocessor'))
    model = torch.nn.ModuleDict({'data_preprocessor': model})
    model['data_preprocessor'].num_classes = 7
    with pytest.raises(
        ValueError, match=r'data_preprocessor\.num_classes is 7'
    ):
        check_classes(model, cfg, ('train',))


def test_names_are_those_of_the_config_under_wrappers():
    cfg = Config.fromfile(IMAGENET)
    cfg.model.head.num_classes = 7
    wrapped = torch.nn.Module()
    wrapped.module = build(cfg)
    with pytest.raises(ValueError, match=r'^model\.head\.num_classes is 7'):
        check_classes(wrapped, cfg, ('train',))


def test_a_list_of_imagenet22k_counts_and_not_its_folders(tmp_path):
    (tmp_path / 'meta').mkdir()
    (tmp_path / 'meta/train.txt').write_text('a.jpg 0')
    (tmp_path / 'train/all').mkdir(parents=True)
    cfg = Config.fromfile(
        CONFIGS / 'imagenet/convnextv2-nano-fcmae_64xb64-90e_in22k.py'
    )
    cfg.train_dataloader.dataset.data_root = str(tmp_path)
    check_classes(build(cfg), cfg, ('train',))
    (tmp_path / 'meta/train.txt').unlink()
    with pytest.raises(ValueError, match='is 21841 .* has 1 classes'):
        check_classes(build(cfg), cfg, ('train',))


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
