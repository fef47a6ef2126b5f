"""Digit scenes are exact, and all three libraries read them."""

import filecmp
import json
import socket

import numpy as np
import pytest
import skimage.data
from digit_scenes import (
    CLASSES,
    PHOTOGRAPHS,
    DigitScenes,
    semantic_map,
)
from make_digit_scenes import main, make
from mmdet.datasets import CocoDataset
from mmdet.utils import register_all_modules
from mmpretrain.datasets import CustomDataset
from mmseg.datasets import ADE20KDataset, BaseSegDataset
from PIL import Image
from pycocotools.coco import COCO
from sklearn.datasets import load_digits, load_sample_image

COUNTS = dict(size=96, unlabeled=3, train=40, val=12, test=5, seed=0)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'digit_scenes'
    assert make(folder, **COUNTS)
    return folder


@pytest.fixture(scope='module', params=['train', 'val', 'test'])
def scenes(request):
    """The first scenes that `make demo` writes."""
    return list(DigitScenes(request.param).take(120))


def test_masks_are_disjoint_and_cover_the_changed_pixels(scenes):
    for scene in scenes:
        masks = [instance.mask for instance in scene.instances]
        painted = np.sum(masks, axis=0) if masks else np.zeros((96, 96))
        assert painted.max(initial=0) <= 1
        changed = (scene.image != scene.photograph).any(axis=-1)
        # A painted pixel has its old color only by accident.
        assert not (changed & (painted == 0)).any()
        assert (changed == (painted > 0)).mean() > 0.9999


def test_there_are_empty_crowded_and_ordinary_scenes(scenes):
    counts = [len(scene.instances) for scene in scenes]
    crowds = [any(i.crowd for i in scene.instances) for scene in scenes]
    assert 0 in counts
    assert any(crowds)
    assert max(counts) > 1
    assert sum(c > 0 for c in counts) - sum(crowds) > 0.8 * len(scenes)


def test_no_network_is_needed(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError('no network')

    monkeypatch.setattr(socket, 'socket', refuse)
    for split in ('unlabeled', 'train', 'val', 'test'):
        assert DigitScenes(split)[1].image.shape == (96, 96, 3)


def test_a_scene_depends_only_on_seed_split_and_index():
    one = DigitScenes('train', 96, seed=5)[7]
    other = DigitScenes('train', 96, seed=5)[7]
    assert np.array_equal(one.image, other.image)
    for scenes in (DigitScenes('val', 96, 5), DigitScenes('train', 96, 6)):
        assert not np.array_equal(one.image, scenes[7].image)


def test_the_splits_have_nothing_in_common():
    splits = [DigitScenes(split) for split in ('train', 'val', 'test')]
    digits = np.concatenate([split.images for split in splits])
    assert np.array_equal(digits, load_digits().images)
    for number, name in enumerate(PHOTOGRAPHS):
        parts = [split.photographs[number] for split in splits]
        assert all(part.shape[1] > 60 for part in parts), name
        photo = np.concatenate(parts, axis=1)
        assert np.array_equal(photo, complete_photograph(name)), name


def complete_photograph(name):
    if name.endswith('.jpg'):
        return load_sample_image(name)
    photo = getattr(skimage.data, name)()
    photo = photo[0] if name == 'stereo_motorcycle' else photo
    return photo if photo.ndim == 3 else np.stack([photo] * 3, axis=-1)


def test_unlabeled_images_are_of_the_training_split():
    unlabeled, train = DigitScenes('unlabeled'), DigitScenes('train')
    assert np.array_equal(unlabeled.images, train.images)
    assert len(unlabeled.photographs) == len(train.photographs)
    assert not np.array_equal(unlabeled[0].image, train[0].image)


def test_crops_show_each_digit_in_the_folder_of_its_class(root):
    """Each crop contains the pixels of its digit, up to JPEG."""
    found = 0
    for i, scene in enumerate(DigitScenes('train').take(40)):
        for j, instance in enumerate(scene.instances):
            name = f'{instance.label}_{CLASSES[instance.label]}'
            path = root / 'crops/train' / name / f'{i:05d}_{j}.jpg'
            assert path.exists() != instance.crowd
            if instance.crowd:
                continue
            found += 1
            rows, columns = instance.mask.nonzero()
            crop = np.asarray(Image.open(path), float)
            box = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert all(c >= b for c, b in zip(crop.shape, box))
            # The margin is a quarter of the longer side, within the image.
            margin = (max(box) - 1) // 4
            top = min(rows.min(), margin)
            left = min(columns.min(), margin)
            shape = instance.mask[
                rows.min() : rows.max() + 1, columns.min() : columns.max() + 1
            ]
            part = crop[top:, left:][: shape.shape[0], : shape.shape[1]]
            expected = scene.image[instance.mask].astype(float)
            assert np.abs(part[shape] - expected).mean() < 15
    files = list((root / 'crops/train').rglob('*.jpg'))
    assert len(files) == found > 40


def test_zero_is_reserved_in_semantic_maps(scenes):
    values = set()
    for scene in scenes:
        label = semantic_map(scene)
        values |= set(np.unique(label).tolist())
        for instance in scene.instances:
            assert (label[instance.mask] == instance.label + 2).all()
    assert values == set(range(1, 12))


def test_coco_annotations_are_consistent(root):
    coco = COCO(root / 'coco/annotations/instances_train.json')
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == [*CLASSES]
    annotations = coco.loadAnns(coco.getAnnIds())
    assert {a['iscrowd'] for a in annotations} == {0, 1}
    for annotation in annotations:
        mask = coco.annToMask(annotation)
        assert mask.sum() == annotation['area']
        rows, columns = mask.nonzero()
        x, y, w, h = annotation['bbox']
        assert (columns.min(), rows.min()) == (x, y)
        assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (w, h)


def test_mmdet_reads_the_instances(root):
    register_all_modules(init_default_scope=False)
    dataset = CocoDataset(
        data_root=str(root / 'coco'),
        ann_file='annotations/instances_train.json',
        data_prefix=dict(img='train/'),
        metainfo=dict(classes=CLASSES),
        pipeline=[
            dict(type='mmdet.LoadImageFromFile'),
            dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True),
        ],
    )
    assert len(dataset) == 40
    for i, scene in enumerate(DigitScenes('train', 96).take(40)):
        sample = dataset[i]
        crowd = np.array([k.crowd for k in scene.instances], bool)
        masks = [k.mask for k in scene.instances]
        assert (sample['gt_ignore_flags'] == crowd).all()
        assert sample['gt_bboxes_labels'].tolist() == [
            k.label for k in scene.instances
        ]
        if masks:
            assert np.array_equal(sample['gt_masks'].masks, masks)


@pytest.mark.parametrize('kind', [BaseSegDataset, ADE20KDataset])
def test_mmseg_reads_the_semantic_maps(root, kind):
    """With reduce_zero_label the background is class 0, digit d is d + 1."""
    dataset = kind(
        data_root=str(root / 'ade20k'),
        img_suffix='.jpg',
        seg_map_suffix='.png',
        data_prefix=dict(
            img_path='images/validation',
            seg_map_path='annotations/validation',
        ),
        reduce_zero_label=True,
        pipeline=[
            dict(type='mmseg.LoadImageFromFile'),
            dict(type='mmseg.LoadAnnotations', reduce_zero_label=True),
        ],
    )
    assert len(dataset) == 12
    for i, scene in enumerate(DigitScenes('val', 96).take(12)):
        expected = semantic_map(scene) - 1
        assert np.array_equal(dataset[i]['gt_seg_map'], expected)


def test_mmpretrain_reads_the_flat_folder(root):
    dataset = CustomDataset(
        data_root=str(root / 'unlabeled'),
        with_label=False,
        pipeline=[dict(type='LoadImageFromFile')],
    )
    assert len(dataset) == 3
    assert dataset[0]['img'].shape == (96, 96, 3)


def test_the_same_arguments_give_the_same_files(root, tmp_path):
    again = tmp_path / 'digit_scenes'
    make(again, **COUNTS)
    files = [p.relative_to(root) for p in root.rglob('*') if p.is_file()]
    files = [f for f in files if f.parts[0] != 'crops']
    # unlabeled, COCO, ADE20K images and maps, 3 annotations, 1 mark
    assert len(files) == 3 + 57 + 2 * 57 + 3 + 1
    match, mismatch, errors = filecmp.cmpfiles(
        root, again, map(str, files), shallow=False
    )
    assert (len(match), mismatch, errors) == (len(files), [], [])


def test_an_existing_data_set_is_not_written_again(root):
    assert not make(root, **COUNTS)
    assert json.loads(
        (root / 'coco/annotations/instances_val.json').read_text()
    )['images']


def test_a_data_set_with_other_arguments_is_replaced(tmp_path):
    folder = tmp_path / 'digits'
    small = dict(size=64, unlabeled=1, train=1, val=1, test=1, seed=0)
    make(folder, **small)
    (folder / 'unlabeled/00000.jpg').write_text('broken')
    (folder / '.digit_scenes').write_text('of another version')
    assert make(folder, **small)
    assert Image.open(folder / 'unlabeled/00000.jpg').size == (64, 64)
    assert [p.name for p in tmp_path.iterdir()] == ['digits']


def test_another_folder_is_not_replaced(tmp_path):
    (tmp_path / 'holiday.jpg').write_text('precious')
    with pytest.raises(SystemExit, match='choose another folder'):
        make(tmp_path, **{**COUNTS, 'size': 64})
    assert (tmp_path / 'holiday.jpg').read_text() == 'precious'


@pytest.mark.parametrize('size', [64, 96, 200])
def test_scenes_of_every_allowed_size(size):
    for scene in DigitScenes('train', size).take(60):
        assert scene.image.shape == (size, size, 3)


@pytest.mark.parametrize(
    ('split', 'size', 'words'),
    [('dev', 96, "unlabeled.*'dev'"), ('val', 32, 'at least 64.*32')],
)
def test_wrong_arguments_raise(split, size, words):
    with pytest.raises(ValueError, match=words):
        DigitScenes(split, size)


@pytest.mark.parametrize('option', ['--unlabeled', '--unlabelled'])
def test_both_spellings_of_unlabeled(tmp_path, monkeypatch, option):
    """The old spelling of the option still works."""
    counts = ['--train', '1', '--val', '1', '--test', '1']
    words = ['--size', '64', option, '2', *counts]
    monkeypatch.setattr('sys.argv', ['make', str(tmp_path / 'data'), *words])
    main()
    assert len(list((tmp_path / 'data/unlabeled').glob('*.jpg'))) == 2
