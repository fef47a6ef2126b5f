"""Folders of own data: their splits, their classes, and what is refused."""

import json

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from mmpretrain_plugin.datasets import coco_folder, mask_folder
from mmpretrain_plugin.datasets.coco_folder import (
    find_coco_splits,
    read_common_classes,
)
from mmpretrain_plugin.datasets.mask_folder import (
    count_suffixes,
    find_mask_splits,
    find_pairs,
    read_mask,
    read_mask_classes,
)

NAMES = ['cat', 'dog']


def coco_content(names=NAMES, **other):
    content = dict(
        images=[dict(id=0, file_name='0.jpg', height=8, width=9)],
        categories=[dict(id=i + 1, name=name) for i, name in enumerate(names)],
        annotations=[dict(id=1, image_id=0, category_id=1)],
    )
    return {**content, **other}


def write_layout(root, layout, splits=('train', 'val'), content=None):
    """Write the folders of a layout, with annotations or a mask."""
    written = dict(zip(('train', 'val', 'test'), layout.splits))
    for split in splits:
        images = root / layout.images.format(written[split])
        labels = root / layout.labels.format(written[split])
        images.mkdir(parents=True, exist_ok=True)
        if labels.suffix == '.json':
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text(json.dumps(content or coco_content()))
        else:
            labels.mkdir(parents=True, exist_ok=True)
            write_pair(images, labels)
    return root


def write_pair(images, masks, name='0', values=(0, 1), size=(8, 9)):
    mask = np.resize(np.array(values, np.uint8), size)
    Image.new('RGB', size[::-1]).save(images / f'{name}.JPG')
    Image.fromarray(mask).save(masks / f'{name}.png')


@pytest.mark.parametrize('kind', [coco_folder, mask_folder])
@pytest.mark.parametrize(
    'splits', [('train', 'val'), ('train', 'val', 'test')]
)
def test_every_layout_is_found(tmp_path, kind, splits):
    find = find_coco_splits if kind is coco_folder else find_mask_splits
    for i, layout in enumerate(kind.LAYOUTS):
        root = write_layout(tmp_path / str(i), layout, splits)
        found = find(root)
        assert tuple(found) == splits
        for split in found.values():
            assert (root / split.images).is_dir()
            assert (root / split.labels).exists()
        assert len({split.labels for split in found.values()}) == len(splits)


@pytest.mark.parametrize('kind', [coco_folder, mask_folder])
def test_the_layouts_are_named_where_none_fits(tmp_path, kind):
    find = find_coco_splits if kind is coco_folder else find_mask_splits
    with pytest.raises(FileNotFoundError, match='no does not exist') as error:
        find(tmp_path / 'no')
    for layout in kind.LAYOUTS:
        root = write_layout(tmp_path / 'half', layout, ['train'])
        with pytest.raises(FileNotFoundError, match='lacks training or'):
            find(root)
        assert layout.labels.format(layout.splits[1]) in str(error.value)
    assert '\n' not in str(error.value)


def test_categories_are_classes_in_their_order(tmp_path):
    names = ['zebra', 'ant', 'cat']
    content = coco_content(names)
    root = write_layout(tmp_path, coco_folder.LAYOUTS[0], content=content)
    assert read_common_classes(root, find_coco_splits(root)) == names


@pytest.mark.parametrize(
    'content, message',
    [
        ('{"images"', 'damaged or not in COCO format'),
        ('[]', 'damaged or not in COCO format'),
        (coco_content([]), 'has no categories'),
        (coco_content(['cat', 'cat']), "two categories 'cat'"),
        (coco_content(annotations=[]), 'has no objects'),
        (
            coco_content(annotations=[dict(category_id=7, image_id=0)]),
            'category_id 7',
        ),
        (coco_content(images=[]), 'has no images'),
        (
            coco_content(annotations=[dict(category_id=1, image_id=9, id=5)]),
            r'\(id 5\) of image_id 9',
        ),
        (coco_content(['dog', 'cat']), 'the same names in another order'),
        (coco_content(['cat', 'cow']), 'other names'),
    ],
)
def test_annotations_that_cannot_be_used(tmp_path, content, message):
    root = write_layout(tmp_path, coco_folder.LAYOUTS[0])
    path = root / 'annotations/instances_val.json'
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_common_classes(root, find_coco_splits(root))
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_objects_without_a_mask_are_named(tmp_path):
    """Only where masks are trained."""
    root = write_layout(tmp_path, coco_folder.LAYOUTS[0])
    splits = find_coco_splits(root)
    read_common_classes(root, splits)
    with pytest.raises(ValueError, match=r'\(id 1, .* without segmentation'):
        read_common_classes(root, splits, ['segmentation'])


def masks(tmp_path, **pair):
    """A folder of masks; the last validation pair has other values."""
    root = write_layout(tmp_path, mask_folder.LAYOUTS[0])
    if pair:
        write_pair(
            root / 'images/val', root / 'masks/val', name='last', **pair
        )
    return root


def test_classes_are_counted_or_named(tmp_path):
    root = masks(tmp_path, values=(0, 255))
    splits = find_mask_splits(root)
    assert read_mask_classes(root, splits) == ['class 0', 'class 1']
    (root / 'classes.txt').write_text('sky\n\n sea \nland\n')
    assert read_mask_classes(root, splits) == ['sky', 'sea', 'land']


@pytest.mark.parametrize(
    'break_it, message',
    [
        (lambda p: write_pair(p.parents[2] / 'images/val', p.parent, 'last',
                              (0, 2)), 'has the value 2, but there are 2'),
        (lambda p: Image.new('RGB', (9, 8)).save(p), 'is in color'),
        (lambda p: Image.new('L', (9, 7)).save(p), 'the size 9x7, but'),
        (lambda p: p.write_bytes(b'no image'), 'cannot be read'),
    ],
)  # fmt: skip
def test_masks_that_cannot_be_used(tmp_path, break_it, message):
    root = masks(tmp_path, values=(0, 1))
    path = root / 'masks/val/last.png'
    break_it(path)
    with pytest.raises(ValueError, match=message) as error:
        read_mask_classes(root, find_mask_splits(root))
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_masks_of_16_bits_are_read_as_8(tmp_path):
    root = masks(tmp_path, values=(0, 1))
    pixels = np.full((8, 9), 65535, np.uint16)
    Image.fromarray(pixels).save(root / 'masks/val/last.png')
    with pytest.raises(ValueError, match=r'last\.png has the value 65535'):
        read_mask_classes(root, find_mask_splits(root))


def test_an_image_that_lies_on_its_side(tmp_path):
    """Training turns it as a viewer does, and its mask is not turned."""
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    stored = np.zeros((9, 8, 3), np.uint8)
    Image.fromarray(stored).save(tmp_path / 'a.jpg', exif=turned)
    assert cv2.imread(str(tmp_path / 'a.jpg')).shape[:2] == (8, 9)
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / 'a.png')
    read_mask(tmp_path / 'a.jpg', tmp_path / 'a.png')
    Image.fromarray(stored[..., 0]).save(tmp_path / 'a.png')
    with pytest.raises(ValueError, match=r'size 8x9, but .*a\.jpg has 9x8'):
        read_mask(tmp_path / 'a.jpg', tmp_path / 'a.png')


def test_images_with_other_channels_have_masks_too(tmp_path):
    tifffile.imwrite(tmp_path / 'a.tif', np.zeros((12, 20, 30), np.uint16))
    Image.fromarray(np.eye(20, 30, dtype=np.uint8)).save(tmp_path / 'a.png')
    assert read_mask(tmp_path / 'a.tif', tmp_path / 'a.png').tolist() == [0, 1]
    (tmp_path / 'a.tif').write_bytes(b'II*')
    with pytest.raises(ValueError, match=r'a\.tif cannot be read'):
        read_mask(tmp_path / 'a.tif', tmp_path / 'a.png')


def test_one_class_is_not_enough(tmp_path):
    root = write_layout(tmp_path, mask_folder.LAYOUTS[0])
    for path in root.rglob('*.png'):
        Image.new('L', (9, 8)).save(path)
    with pytest.raises(ValueError, match='has 1 classes'):
        read_mask_classes(root, find_mask_splits(root))


@pytest.mark.parametrize(
    ('text', 'message'),
    [(b'a\nb\na\n', "names 'a' twice"), (b'\xff\xfe\n', 'as UTF-8')],
)
def test_names_of_classes_that_cannot_be_used(tmp_path, text, message):
    root = masks(tmp_path, values=(0, 1))
    (root / mask_folder.CLASSES).write_bytes(text)
    with pytest.raises(ValueError, match=message):
        read_mask_classes(root, find_mask_splits(root))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    root = masks(tmp_path, values=(0, 1))
    (root / mask_folder.CLASSES).write_text('sky\nsea', encoding='utf-8-sig')
    assert read_mask_classes(root, find_mask_splits(root)) == ['sky', 'sea']


def test_a_missing_mask_is_named(tmp_path):
    root = masks(tmp_path, values=(0, 1))
    (root / 'masks/val/last.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'last\.png, the mask of'):
        find_pairs(root / 'images/val', root / 'masks/val')


def test_images_of_all_types_are_found_and_counted(tmp_path):
    images, labels = tmp_path / 'images', tmp_path / 'masks'
    for i, suffix in enumerate(('.jpg', '.JPG', '.webp', '.TIFF', '.png')):
        for folder in (images / 'deep', labels / 'deep'):
            folder.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (9, 8)).save(images / 'deep' / f'{i}{suffix}')
        Image.new('L', (9, 8)).save(labels / 'deep' / f'{i}.png')
    pairs = find_pairs(images, labels)
    assert [image.stem for image, _ in pairs] == list('01234')
    assert [mask.stem for _, mask in pairs] == list('01234')
    counted = count_suffixes([image for image, _ in pairs])
    assert counted == '2 .jpg, 1 .png, 1 .tiff, 1 .webp'
