"""COCO annotations that would train wrong classes, or nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from pycocotools.mask import encode

from mmpretrain_plugin.datasets.coco_file import PROBLEMS
from mmpretrain_plugin.engine.runners import input_files
from mmpretrain_plugin.engine.runners.input_files import check_inputs
from tests.helpers.coco_config import (
    CLASSES,
    annotations,
    coco_config,
    write_annotations,
    write_categories,
)


@pytest.fixture
def coco(tmp_path):
    return coco_config(tmp_path)


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
