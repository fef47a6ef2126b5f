"""Missing files and unknown categories are found in the config alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from mmengine.config import Config
from pycocotools.mask import encode

from mmpretrain_plugin.datasets.coco_file import PROBLEMS
from mmpretrain_plugin.engine.runners import input_files
from mmpretrain_plugin.engine.runners.input_files import check_inputs
from tests.test_configs import CONFIGS

COCO = CONFIGS / 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py'
ADE = CONFIGS / (
    'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_ade20k-512x512.py'
)
CLASSES = CocoDataset.METAINFO['classes']
IMAGENET = CONFIGS / 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py'


def annotations(*names, **changes):
    """Return annotations of one object, which may be changed."""
    one = dict(
        id=5, image_id=1, category_id=1, bbox=[1, 2, 30, 40], area=900,
        segmentation=[[1, 2, 31, 2, 31, 42]], iscrowd=0,
    )  # fmt: skip
    return dict(
        images=[dict(id=1, file_name='1.jpg', height=64, width=64)],
        categories=[dict(id=i + 1, name=name) for i, name in enumerate(names)],
        annotations=[{**one, **changes}],
    )


@pytest.fixture
def coco(tmp_path):
    """The COCO config with a folder of data and one object."""
    cfg = Config.fromfile(COCO)
    (tmp_path / 'annotations').mkdir()
    for mode, year in (('train', 'train2017'), ('val', 'val2017')):
        (tmp_path / year).mkdir()
        file = tmp_path / f'annotations/instances_{year}.json'
        file.write_text(json.dumps(annotations(*CLASSES)))
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
    return write_annotations(cfg, annotations(*names))


def write_annotations(cfg, content):
    """Write annotations of the training, and return their path."""
    dataset = cfg.train_dataloader.dataset
    path = Path(dataset.data_root, dataset.ann_file)
    path.write_text(json.dumps(content))
    return path


def test_unknown_categories_of_coco_annotations_are_an_error(coco):
    """MMDetection drops their objects, or fails if no object is left."""
    write_categories(coco, 'cat', 'unicorn', 'dragon')
    with pytest.raises(ValueError, match=r'unicorn, dragon, 2 of 3; set tra'):
        check_inputs(coco, 'train')
    names = ('cat', 'unicorn', 'dragon')
    coco.train_dataloader.dataset.metainfo = dict(classes=names)
    check_inputs(coco, 'train')


def test_of_large_annotation_files_only_categories_are_read(coco, monkeypatch):
    write_categories(coco, 'unicorn')
    monkeypatch.setattr(
        'mmpretrain_plugin.engine.runners.input_files.MAX_BYTES', 3
    )
    with pytest.raises(ValueError, match='unicorn, 1 of 1'):
        check_inputs(coco, 'train')
    monkeypatch.setattr('json.loads', None)
    write_categories(coco, *CLASSES)
    check_inputs(coco, 'train')


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


def test_a_subset_of_the_categories_can_be_trained(coco):
    """MMDetection documents training on some of the classes."""
    write_categories(coco, 'cat', 'dog', 'unicorn')
    coco.train_dataloader.dataset.metainfo = dict(classes=('cat', 'dog'))
    check_inputs(coco, 'train')
    coco.train_dataloader.dataset.metainfo = dict(classes=('dog', 'cats'))
    with pytest.raises(ValueError, match='cat, unicorn, 2 of 3'):
        check_inputs(coco, 'train')


def test_classes_may_be_the_name_of_a_file(coco, tmp_path):
    write_categories(coco, 'cat', 'dragon')
    file = tmp_path / 'classes.txt'
    file.write_text('cat\ndragon\n')
    coco.train_dataloader.dataset.metainfo = dict(classes=str(file))
    check_inputs(coco, 'train')
    file.write_text('cat\ndog\n')
    with pytest.raises(ValueError, match='dragon, 1 of 2'):
        check_inputs(coco, 'train')


def test_annotations_that_are_no_json_are_named(coco):
    dataset = coco.train_dataloader.dataset
    path = Path(dataset.data_root, dataset.ann_file)
    for text in ('{"images": [', '[]', '{"categories": [3]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=f'^{path} is damaged or not'):
            check_inputs(coco, 'train')


@pytest.mark.parametrize(
    ('names', 'classes', 'problem'),
    [
        (CLASSES[::-1], CLASSES, 'has the classes of .* in another order'),
        (('dog', 'cat'), ('cat', 'dog'), 'in another order'),
        (('cat', 'bus', 'dog'), ('dog', 'cat'), 'in another order'),
        (CLASSES[:5], CLASSES, r'lacks 75 classes of .* \(bus, train, '),
        (('cat',), ('cat', 'dog'), r'lacks 1 classes of .* \(dog\)'),
        ((), ('cat',), 'has no categories'),
    ],
)
def test_classes_that_would_be_swapped_are_refused(
    coco, names, classes, problem
):
    """MMDetection numbers the categories of the file, in its order."""
    path = write_categories(coco, *names)
    coco.train_dataloader.dataset.metainfo = dict(classes=classes)
    with pytest.raises(ValueError, match=problem) as error:
        check_inputs(coco, 'train')
    assert str(error.value).startswith(str(path))


def test_classes_are_numbered_by_the_file(coco):
    """What makes the check necessary: mmdet's own data set."""
    path = write_categories(coco, 'dog', 'cat')
    dataset = CocoDataset(
        ann_file=str(path),
        metainfo=dict(classes=('cat', 'dog')),
        pipeline=[],
        data_prefix=dict(img=''),
    )
    label = dataset.get_data_info(0)['instances'][0]['bbox_label']
    assert dataset.metainfo['classes'][label] == 'cat'  # it is a dog


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        (dict(bbox=[0, 0, float('inf'), 9]), r'whose bbox is \[0, 0, inf, 9'),
        (dict(bbox=[0, 0, 9]), 'whose bbox is'),
        (dict(bbox=['0', 0, 9, 9]), 'whose bbox is'),
        (dict(bbox=[50, 50, -30, 9]), 'whose bbox .* has a negative'),
        (dict(bbox=[0, 0, 9, 10**400]), 'whose bbox is'),
        (dict(bbox=None), 'without bbox'),
        (dict(area=float('nan')), 'whose area is nan'),
        (dict(segmentation=[]), 'without segmentation'),
        (dict(segmentation=[[1, 2, 3, 4]]), r'with a polygon \[1, 2, 3, 4\]'),
        (dict(segmentation=[[1, 2, 3, 4, 5]]), 'with a polygon'),
        (dict(segmentation=[[1, 2, 3, 4, 5, float('nan')]]), 'with a polygon'),
        (
            dict(segmentation=dict(size=[64, 64], counts='e')),
            'whose run lengths',
        ),
        (
            dict(segmentation=dict(size=[64, 64], counts=[5, 7])),
            'whose run lengths',
        ),
        (dict(segmentation=dict(counts=[5, 7])), 'whose run lengths'),
        (
            dict(segmentation=dict(size=[8, 8], counts=[60, 4])),
            'whose mask has 8 x 8 pixels, but its image 64 x 64',
        ),
    ],
)
def test_objects_that_cannot_be_used_are_named(coco, changes, problem):
    path = write_annotations(coco, annotations(*CLASSES, **changes))
    message = rf'has an object \(id 5, image 1.jpg\) {problem}'
    with pytest.raises(ValueError, match=message) as error:
        check_inputs(coco, 'train')
    assert str(error.value).startswith(str(path))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        (dict(bbox=[1, 1, 0.5, 9]), 'smaller than a pixel'),
        (dict(area=0), 'smaller than a pixel'),
        (dict(iscrowd=1), 'crowds'),
        (dict(ignore=1), 'marked as ignored'),
        (dict(bbox=[64, 0, 9, 9]), 'outside of their images'),
        (dict(bbox=[5, -9, 9, 9]), 'outside of their images'),
    ],
)
def test_no_object_that_is_used_is_an_error(
    coco, changes, problem, monkeypatch
):
    logged = []
    monkeypatch.setattr(
        input_files, 'print_log', lambda text, *_: logged.append(text)
    )
    content = annotations(*CLASSES, **changes)
    write_annotations(coco, content)
    with pytest.raises(ValueError, match=problem):
        check_inputs(coco, 'train')
    content['annotations'].append(annotations(id=6)['annotations'][0])
    path = write_annotations(coco, content)
    check_inputs(coco, 'train')
    assert f'1 of 2 objects of {path} are not trained' in logged[0]
    # MMDetection has one object, too, that is no crowd.
    dataset = CocoDataset(
        ann_file=str(path), data_prefix=dict(img=''), pipeline=[]
    )
    labels = [
        one['ignore_flag'] for one in dataset.get_data_info(0)['instances']
    ]
    assert labels.count(0) == 1
    content['annotations'] = []
    write_annotations(coco, content)
    with pytest.raises(ValueError, match='has no objects'):
        check_inputs(coco, 'train')


@pytest.mark.parametrize(
    ('part', 'change', 'problem'),
    [
        ('images', dict(id=1, file_name='2.jpg'), 'two images of the id 1'),
        ('images', dict(id=2, height=0), r'an image \(id 2\) without'),
        ('images', dict(id=2, width=float('nan')), r'an image \(id 2\) with'),
        ('images', dict(id=2, file_name=None), r'an image \(id 2\) without'),
        ('categories', dict(id=1, name='x'), 'two categories of the id 1'),
        ('categories', dict(id=99, name=7), 'a category of the name 7'),
    ],
)
def test_images_and_categories_are_told_apart(coco, part, change, problem):
    content = annotations(*CLASSES)
    content[part].append({**content[part][0], **change})
    path = write_annotations(coco, content)
    with pytest.raises(ValueError, match=f'^{path} has {problem}'):
        check_inputs(coco, 'train')


def test_a_test_needs_no_objects(coco):
    """As COCO's own test split, whose file has none."""
    path = write_categories(coco, *CLASSES)
    content = json.loads(path.read_text())
    del content['annotations']
    path.write_text(json.dumps(content))
    coco.test_dataloader = coco.train_dataloader
    coco.test_evaluator = coco.val_evaluator
    check_inputs(coco, 'test')


def test_run_lengths_of_coco_are_read():
    rng = np.random.default_rng(0)
    for _ in range(50):
        mask = (rng.random((13, 17)) < rng.random()).astype(np.uint8)
        counts = encode(np.asfortranarray(mask))['counts'].decode()
        problem = PROBLEMS['segmentation']
        outline = dict(size=[13, 17], counts=counts)
        assert problem(outline, dict(height=13, width=17)) is None
        outline['counts'] = counts[:-1]
        assert problem(outline, {})
