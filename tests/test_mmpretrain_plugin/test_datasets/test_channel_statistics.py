"""Moments of many images are those of all their pixels together."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from mmpretrain_plugin.datasets.channel_statistics import (
    file_statistics,
    pixel_statistics,
)
from tests.test_configs import CONFIGS

TOOL = CONFIGS.parent / 'tools/compute_mean_std.py'


def images(channels=3):
    """Images of several sizes; a small spread around a large mean."""
    rng = np.random.default_rng(0)
    means = 50_000 + 1000 * np.arange(channels)
    return [
        rng.normal(means + 100 * i, 3, (4 + i, 9, channels)).astype(np.uint16)
        for i in range(5)
    ]


def test_merged_moments_are_those_of_all_pixels():
    first, *others = (pixel_statistics(image) for image in images())
    for other in others:
        first = first.merged(other)
    everything = np.concatenate([i.reshape(-1, 3) for i in images()])
    everything = everything.astype(np.float64)
    assert first.pixels == len(everything)
    np.testing.assert_allclose(first.mean, everything.mean(0), rtol=1e-12)
    np.testing.assert_allclose(first.std, everything.std(0), rtol=1e-9)


def run(*words):
    return subprocess.run(
        [sys.executable, TOOL, *words], capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_tool_prints_lines_of_the_config(tmp_path):
    (tmp_path / 'deep').mkdir()
    for i, image in enumerate(images(4)):
        path = tmp_path / ('deep' if i % 2 else '.') / f'{i}.TIFF'
        tifffile.imwrite(path, image, planarconfig='contig')
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr
    printed = eval(f'dict({"".join(result.stdout.splitlines()[-2:])})')
    everything = np.concatenate([i.reshape(-1, 4) for i in images(4)])
    np.testing.assert_allclose(printed['mean'], everything.mean(0), rtol=1e-5)
    np.testing.assert_allclose(printed['std'], everything.std(0), rtol=1e-5)


def test_other_images_are_read_in_rgb(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / 'a.png')
    moments = file_statistics(tmp_path / 'a.png')
    np.testing.assert_allclose(moments.mean, image.mean((0, 1)))


def test_values_that_are_not_finite_are_an_error(tmp_path):
    image = np.ones((8, 9, 2), np.float32)
    image[3, 4, 1] = np.nan
    tifffile.imwrite(tmp_path / 'a.tif', image, planarconfig='contig')
    with pytest.raises(ValueError, match=r'a\.tif has pixels that are not'):
        file_statistics(tmp_path / 'a.tif')


@pytest.mark.slow
def test_images_with_different_channels_are_an_error(tmp_path):
    for i, channels in enumerate((4, 5)):
        image = np.zeros((8, 9, channels), np.uint8)
        tifffile.imwrite(tmp_path / f'{i}.tif', image, planarconfig='contig')
    result = run(tmp_path)
    assert result.returncode == 1
    assert '1.tif' in result.stderr and '4 channels' in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_empty_folder_is_an_error(tmp_path):
    result = run(tmp_path)
    assert result.returncode == 1 and 'no images' in result.stderr


@pytest.mark.slow
def test_a_constant_channel_is_an_error(tmp_path):
    """Its deviation of zero could not divide."""
    image = np.random.default_rng(0).random((8, 9, 4)).astype(np.float32)
    image[..., 2] = 7
    tifffile.imwrite(tmp_path / 'a.tif', image, planarconfig='contig')
    result = run(tmp_path)
    assert result.returncode == 1 and 'channel 2' in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
