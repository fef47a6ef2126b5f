"""Images are found among files and folders, and read as in training."""

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmpretrain_plugin.datasets import find_images, open_image
from mmpretrain_plugin.datasets.image_files import SUFFIXES


def test_images_are_found_in_folders(tmp_path):
    for name in ('b.JPG', 'a.png', 'notes.txt', 'deep/c.jpeg'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = find_images([tmp_path], count=9)
    assert [p.name for p in found] == ['a.png', 'b.JPG', 'c.jpeg']
    assert find_images([tmp_path / 'b.JPG', tmp_path], count=2) == [
        tmp_path / 'b.JPG',
        tmp_path / 'a.png',
    ]


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=f'no images .* in {tmp_path}'):
        find_images([tmp_path], count=1)


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='no.png does not exist'):
        find_images([tmp_path / 'no.png'], count=1)


def test_images_are_read_as_in_training(tmp_path):
    """MMCV reads them with OpenCV, in BGR."""
    rng = np.random.default_rng(0)
    deep = Image.fromarray(rng.integers(0, 2**16, (5, 7), np.uint16))
    deep.save(tmp_path / 'gray16.png')
    deep.save(tmp_path / 'gray16.tif')
    color = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
    color.save(tmp_path / 'color.png')
    color.convert('L').save(tmp_path / 'gray.png')
    color.convert('P').save(tmp_path / 'palette.png')
    color.convert('L').convert('1').save(tmp_path / 'bits.png')
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotate by a quarter
    color.save(tmp_path / 'rotated.jpg', exif=exif, quality=95)
    for path in find_images([tmp_path], count=9):
        image = open_image(path)
        loaded = LoadImageFromFile()(dict(img_path=str(path)))['img']
        assert image.mode == 'RGB'
        assert np.array_equal(image, loaded[..., ::-1]), path


def test_more_pixels_than_pillow_opens(tmp_path):
    """Its limit is 179 million; aerial images have more."""
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), np.zeros((14000, 13000), np.uint8))
    assert open_image(path).size == (13000, 14000)


@pytest.mark.parametrize('suffix', SUFFIXES)
@pytest.mark.parametrize('share', [0, 0.1, 0.5, 0.8])
def test_an_unreadable_image_is_named(tmp_path, suffix, share):
    path = tmp_path / f'broken{suffix}'
    Image.effect_noise((200, 100), 50).save(path)
    open_image(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r'broken\.\w+ cannot be read') as e:
        open_image(path)
    assert '\n' not in str(e.value)


def test_a_text_is_no_image(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(b'text')
    with pytest.raises(ValueError, match=r'a\.png cannot be read') as e:
        open_image(path)
    assert '\n' not in str(e.value)
