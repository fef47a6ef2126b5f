"""Missing files and unknown categories are found in the config alone."""

import json

import pytest
from mmengine.config import Config

from mmpretrain_plugin.engine.runners.input_files import check_inputs
from tests.test_configs import CONFIGS

COCO = CONFIGS / 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py'
ADE = CONFIGS / (
    'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_ade20k-512x512.py'
)
IMAGENET = CONFIGS / 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py'


@pytest.fixture
def coco(tmp_path):
    """The COCO config with a folder of data whose annotations are empty."""
    cfg = Config.fromfile(COCO)
    (tmp_path / 'annotations').mkdir()
    for mode, year in (('train', 'train2017'), ('val', 'val2017')):
        (tmp_path / year).mkdir()
        file = tmp_path / f'annotations/instances_{year}.json'
        file.write_text(json.dumps(dict(categories=[])))
        cfg[f'{mode}_dataloader'].dataset.data_root = str(tmp_path)
    cfg.val_evaluator.ann_file = str(file)
    return cfg


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
        check_inputs(Config.fromfile(path), 'train')
    assert 'set train_dataloader.dataset.data_root' in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('is_absolute', [True, False])
def test_a_flat_folder_is_its_data_root(tmp_path, monkeypatch, is_absolute):
    """It has neither a prefix nor an annotation file."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(CONFIGS / 'demo/fcmae_convnextv2-atto_digits.py')
    dataset = cfg.train_dataloader.dataset
    (tmp_path / dataset.data_root).mkdir(parents=True)
    if is_absolute:
        dataset.data_root = str(tmp_path / dataset.data_root)
    check_inputs(cfg, 'train')
    dataset.data_root += '/missing'
    message = f'^{dataset.data_root} of train_dataloader.dataset does not'
    with pytest.raises(FileNotFoundError, match=message):
        check_inputs(cfg, 'train')


def test_all_missing_files_are_named_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        check_inputs(Config.fromfile(COCO), 'train', 'val')
    for part in (
        'data/coco/train2017 of train_dataloader.dataset',
        'instances_train2017.json of train_dataloader.dataset',
        'data/coco/val2017 of val_dataloader.dataset',
        'instances_val2017.json of val_evaluator.ann_file',
    ):
        assert str(error.value).count(f'{part} does not exist; ') == 1


def test_data_sets_inside_wrappers_are_checked(coco):
    inner = coco.train_dataloader.dataset
    wrapped = dict(type='RepeatDataset', times=2, dataset=inner)
    coco.train_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[inner, wrapped]
    )
    check_inputs(coco, 'train')
    wrapped['dataset'] = dict(inner, data_root='nowhere')
    coco.train_dataloader.dataset['datasets'] = [inner, wrapped]
    address = r'train_dataloader\.dataset\.datasets\.1\.dataset'
    with pytest.raises(FileNotFoundError, match=f'of {address} does') as error:
        check_inputs(coco, 'train')
    assert "data_root (now 'nowhere')" in str(error.value)


def test_remote_data_is_not_looked_for(coco):
    coco.train_dataloader.dataset.data_root = 's3://bucket/coco/'
    check_inputs(coco, 'train', 'val')


def test_evaluator_annotations_do_not_follow_the_data_root(coco):
    check_inputs(coco, 'train', 'val')
    evaluator = coco.val_evaluator
    coco.val_evaluator = [evaluator, dict(evaluator, ann_file='other.json')]
    match = r'^other\.json of val_evaluator\.1\.ann_file does .* set both$'
    with pytest.raises(FileNotFoundError, match=match):
        check_inputs(coco, 'train', 'val')


def test_missing_checkpoint(tmp_path, monkeypatch):
    """Checkpoints of model parts are loaded even if load_from is set."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(
        CONFIGS / 'coco/mask-rcnn_convnextv2-base_fpn_8xb4-lsj-3x_coco.py'
    )
    cfg.train_dataloader = cfg.val_dataloader = cfg.test_dataloader = None
    cfg.val_evaluator = cfg.test_evaluator = None
    part = 'epoch_300.pth of model.backbone.init_cfg.checkpoint'
    for kind in ('Pretrained', 'mmdet.Pretrained'):
        cfg.model.backbone.init_cfg.type = kind
        for load_from in (None, 'https://example.org/b.pth'):
            cfg.load_from = load_from
            with pytest.raises(FileNotFoundError, match=part):
                check_inputs(cfg, 'train', 'val')
            check_inputs(cfg, 'test')  # a test loads the complete model
    cfg.load_from = 'nowhere.pth'
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth of load_from'):
        check_inputs(cfg, 'test')
    cfg.load_from = None
    cfg.model.backbone.init_cfg.checkpoint = 'https://example.org/a.pth'
    check_inputs(cfg, 'train', 'val')


def write_categories(cfg, *names):
    dataset = cfg.train_dataloader.dataset
    file = f'{dataset.data_root}/{dataset.ann_file}'
    content = dict(categories=[dict(name=name) for name in names])
    with open(file, 'w') as stream:
        json.dump(content, stream)


def test_unknown_categories_of_coco_annotations_are_an_error(coco):
    """MMDetection drops their objects, or fails if no object is left."""
    write_categories(coco, 'cat', 'unicorn', 'dragon')
    with pytest.raises(ValueError, match=r'unicorn, dragon, 2 of 3; set tra'):
        check_inputs(coco, 'train')
    names = ('cat', 'dragon', 'unicorn')
    coco.train_dataloader.dataset.metainfo = dict(classes=names)
    check_inputs(coco, 'train')


def test_large_annotation_files_are_not_read_twice(coco, monkeypatch):
    write_categories(coco, 'unicorn')
    monkeypatch.setattr(
        'mmpretrain_plugin.engine.runners.input_files.MAX_BYTES', 3
    )
    check_inputs(coco, 'train')
