"""A sample of images is random, balanced over classes, and reproducible."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmpretrain_plugin.visualization import (
    read_batches,
    read_image,
    sample_images,
)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with classes of 2, 6 and 12 images."""
    for name, count in (('ant', 2), ('bee', 6), ('cat', 12)):
        (tmp_path / name / 'deep').mkdir(parents=True)
        for i in range(count):
            place = tmp_path / name / ('deep' if i % 2 else '.')
            Image.new('RGB', (8, 8), (i, 0, 0)).save(place / f'{i}.png')
    Image.new('RGB', (8, 8)).save(tmp_path / 'beside.png')
    return tmp_path


def test_a_sample_is_random_and_reproducible(folder):
    one = sample_images(folder, 10)
    assert len(set(one.paths)) == 10
    assert one == sample_images(folder, 10)
    assert one != sample_images(folder, 10, seed=1)
    assert len(sample_images(folder, 99).paths) == 21
    assert not one.labels and not one.classes


def test_classes_are_folders_and_equally_frequent(folder):
    sample = sample_images(folder, 9, labeled=True)
    assert sample.classes == ['ant', 'bee', 'cat']
    assert np.bincount(sample.labels).tolist() == [2, 4, 3]
    for path, label in zip(sample.paths, sample.labels):
        assert path.relative_to(folder).parts[0] == sample.classes[label]
    every = sample_images(folder, 99, labeled=True)
    assert np.bincount(every.labels).tolist() == [2, 6, 12]
    assert not [path for path in every.paths if path.name == 'beside.png']


@pytest.mark.parametrize('folders', [0, 1])
def test_labels_need_two_folders(tmp_path, folders):
    place = tmp_path / 'ant' if folders else tmp_path
    place.mkdir(exist_ok=True)
    Image.new('RGB', (8, 8)).save(place / '0.png')
    with pytest.raises(ValueError, match=f'images in {folders} folders'):
        sample_images(tmp_path, 9, labeled=True)


def test_the_center_is_cropped_as_in_mmpretrain(tmp_path):
    """The middle 7/8 of the shorter side, in either orientation."""
    pixels = np.zeros((64, 128, 3), 'uint8')
    pixels[4:60, 36:92] = (200, 100, 50)  # what remains of 64 x 128
    for name, array in (('a', pixels), ('b', pixels.transpose(1, 0, 2))):
        path = tmp_path / f'{name}.png'
        Image.fromarray(array).save(path)
        image = read_image(path, 56)
        assert image.dtype == torch.uint8 and image.shape == (3, 56, 56)
        inner = image[:, 2:-2, 2:-2].flatten(1)
        assert inner.unique(dim=1).squeeze().tolist() == [200, 100, 50]
        outside = read_image(path, 112)[:, :1, :1].flatten()
        assert (outside > 0).all()  # nothing of the black border


def test_gray_images_get_three_channels(tmp_path):
    Image.new('L', (9, 7), 5).save(tmp_path / 'a.png')
    assert (read_image(tmp_path / 'a.png', 16) == 5).all()


@pytest.mark.parametrize('workers', [0, 1])
def test_batches_have_every_image_once(folder, workers):
    paths = sample_images(folder, 7).paths
    batches = list(read_batches(paths, 16, 3, workers))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    expected = torch.stack([read_image(path, 16) for path in paths])
    assert torch.equal(torch.cat(batches), expected)


@pytest.mark.parametrize('workers', [0, 1])
def test_an_unreadable_image_is_named(tmp_path, workers):
    path = tmp_path / 'broken.png'
    path.write_text('no image')
    with pytest.raises(ValueError, match=f'{path} cannot be read') as error:
        list(read_batches([path], 16, 3, workers))
    assert '\n' not in str(error.value)
