"""Missing files and unknown categories are found in the config alone."""

import pytest
from mmengine.config import Config

from mmpretrain_plugin.engine.runners.input_files import check_inputs
from tests.helpers.coco_config import (
    COCO,
    coco_config,
)
from tests.test_configs import CONFIGS

ADE = CONFIGS / (
    'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_ade20k-512x512.py'
)
IMAGENET = CONFIGS / 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py'


@pytest.fixture
def coco(tmp_path):
    return coco_config(tmp_path)


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


def write_config(**dataset):
    return Config(dict(train_dataloader=dict(dataset=dataset)))


@pytest.mark.parametrize('kind', ['CUB', 'mmpretrain.VOC', 'DTD'])
def test_split_is_a_folder_only_of_imagenet(kind, tmp_path):
    """Other data sets select lines of a file by it."""
    cfg = write_config(type=kind, data_root=str(tmp_path), split='train')
    check_inputs(cfg, 'train')
    cfg.train_dataloader.dataset.type = 'mmpretrain.ImageNet'
    with pytest.raises(FileNotFoundError, match=f'^{tmp_path}/train of'):
        check_inputs(cfg, 'train')


def test_data_that_are_downloaded_may_be_missing():
    check_inputs(
        write_config(type='CIFAR100', data_root='nowhere', split='train'),
        'train',
    )


@pytest.mark.parametrize('address', ['s3://bucket/a', 'https://example.org/a'])
@pytest.mark.parametrize('key', ['data_prefix', 'ann_file', 'data_root'])
def test_every_path_may_be_an_address(key, address):
    values = (
        [address, dict(img=address)] if key == 'data_prefix' else [address]
    )
    for value in values:
        check_inputs(write_config(type='CocoDataset', **{key: value}), 'train')


@pytest.mark.parametrize('name', ['backend_args', 'file_client_args'])
@pytest.mark.parametrize('where', ['dataset', 'pipeline'])
def test_data_of_another_backend_are_not_looked_for(name, where, coco):
    """MMDetection's configs map './data/' to an object store with it."""
    options = {name: dict(backend='petrel', path_mapping={'data/': 's3://a/'})}
    dataset = coco.train_dataloader.dataset
    dataset.data_root = 'data/nowhere'
    dataset.pipeline = [dict(type='LoadImageFromFile')]
    (dataset if where == 'dataset' else dataset.pipeline[0]).update(options)
    coco.val_evaluator.update(ann_file='data/nowhere.json', **options)
    check_inputs(coco, 'train', 'val')
    for node in (dataset, dataset.pipeline[0]):
        node.update({name: dict(backend='local')})
    with pytest.raises(FileNotFoundError, match='data/nowhere'):
        check_inputs(coco, 'train')


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    """As MMPretrain expands it in data sets and mmengine in checkpoints."""
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'images').mkdir()
    (tmp_path / 'file').touch()
    cfg = write_config(
        type='CustomDataset', data_prefix='~/images', ann_file='~/file',
        data_root='data',
    )  # fmt: skip
    cfg.load_from = '~/file'
    cfg.model = dict(init_cfg=dict(type='Pretrained', checkpoint='~/file'))
    check_inputs(cfg, 'train')
    cfg.load_from = '~/nowhere'
    with pytest.raises(FileNotFoundError, match='^~/nowhere of load_from'):
        check_inputs(cfg, 'train')


@pytest.mark.parametrize('value', [['a.json', 'b.json'], 3, dict(a=None)])
def test_values_of_other_types_are_not_paths(value):
    """Data sets of users may accept anything."""
    cfg = write_config(type='Own', ann_file=value, data_prefix=value)
    cfg.val_evaluator = dict(type='Own', ann_file=value)
    check_inputs(cfg, 'train', 'val')
