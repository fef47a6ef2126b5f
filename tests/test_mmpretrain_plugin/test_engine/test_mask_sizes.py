"""A mask of another size than its image is refused before training."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from mmpretrain_plugin.datasets.image_files import image_size
from mmpretrain_plugin.engine.mask_sizes import check_mask_sizes


class Pairs:
    """A data set of images of 20 by 10 pixels, and masks of given sizes."""

    def __init__(self, folder, *sizes, **options):
        self.infos = []
        for i, size in enumerate(sizes):
            info = dict(
                img_path=str(folder / f'{i}.jpg'),
                seg_map_path=str(folder / f'{i}.png'),
            )
            Image.new('RGB', (20, 10)).save(info['img_path'], **options)
            Image.new('L', size).save(info['seg_map_path'])
            self.infos.append(info)

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


def test_equal_sizes_pass(tmp_path):
    assert check_mask_sizes(Pairs(tmp_path, (20, 10), (20, 10)), 'a') == 2


@pytest.mark.parametrize('size', [(10, 20), (20, 11), (40, 20)])
def test_another_size_is_named(tmp_path, size):
    pairs = Pairs(tmp_path, *[(20, 10)] * 40, size, (20, 10))
    with pytest.raises(ValueError) as error:
        check_mask_sizes(pairs, 'train_dataloader.dataset')
    width, height = size
    assert str(error.value) == (
        f'the mask {tmp_path}/40.png has {height} x {width} pixels, but its '
        f'image {tmp_path}/40.jpg 10 x 20; correct it, or remove the pair '
        'from train_dataloader.dataset'
    )


def test_an_image_that_lies_on_its_side_is_turned(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    pairs = Pairs(tmp_path, (10, 20), exif=exif)
    assert image_size(tmp_path / '0.jpg') == (10, 20)
    assert check_mask_sizes(pairs, 'a') == 1


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', r'0\.png cannot be read'),
        (None, r'0\.png cannot be read .*No such'),
    ],
)
def test_a_mask_that_cannot_be_read_is_named(tmp_path, content, message):
    pairs = Pairs(tmp_path, (20, 10))
    path = tmp_path / '0.png'
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        check_mask_sizes(pairs, 'a')


def test_other_data_sets_pass(tmp_path):
    pairs = Pairs(tmp_path, (3, 3))
    pairs.infos = [dict(img_path='a.jpg')]
    assert check_mask_sizes(pairs, 'a') == 0
    pairs.infos = []
    assert check_mask_sizes(pairs, 'a') == 0
    assert check_mask_sizes([1, 2], 'a') == 0
    for name in ('s3://a', 'a.nii'):
        pairs.infos = [dict(img_path='a.jpg', seg_map_path=f'{name}.gz')]
        assert check_mask_sizes(pairs, 'a') == 0
    pairs.infos = [dict(img_path='s3://a.jpg', seg_map_path='s3://a.png')]
    assert check_mask_sizes(pairs, 'a') == 0


def test_a_repeated_mask_is_read_once(tmp_path):
    pairs = Pairs(tmp_path, (20, 10), (20, 10))
    pairs.infos *= 1000
    assert check_mask_sizes(pairs, 'a') == 2


def test_pixels_are_not_decoded(tmp_path, monkeypatch):
    def fail(self):
        raise AssertionError

    pairs = Pairs(tmp_path, (20, 10))
    monkeypatch.setattr(ImageFile.ImageFile, 'load', fail)
    assert check_mask_sizes(pairs, 'a') == 1


def test_more_pixels_than_pillow_opens(tmp_path):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), np.zeros((13000, 14000), np.uint8))
    assert image_size(path) == (14000, 13000)
