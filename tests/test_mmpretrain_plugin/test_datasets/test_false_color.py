"""Channels are shown from their darkest to their lightest value."""

import mmcv
import numpy as np
import pytest
import tifffile
from mmengine.fileio import get

from mmpretrain_plugin.datasets import false_color


def ramps(channels=4):
    """Channels that rise from left to right, each over its own range."""
    ramp = np.linspace(0, 1, 101)[None].repeat(3, 0)
    scales = 10.0 ** np.arange(channels)
    return ramp[..., None] * scales + scales


def test_a_channel_goes_from_black_to_white():
    shown = false_color(ramps(), (0, 2, 3))
    assert shown.shape == (3, 101, 3) and shown.dtype == np.uint8
    # Percent by percent, as 1 and 99 percent are the limits.
    expected = ((np.arange(101) - 1) / 98).clip(0, 1) * 255
    for channel in np.moveaxis(shown, 2, 0):
        np.testing.assert_allclose(
            channel, expected[None].repeat(3, 0), atol=1
        )


def test_channels_are_red_green_and_blue():
    image = np.random.default_rng(0).integers(0, 4096, (9, 9, 5), np.uint16)
    shown = false_color(image, (4, 0, 2))
    for i, channel in enumerate((4, 0, 2)):
        gray = false_color(image, (channel,))
        for j in range(3):
            np.testing.assert_array_equal(gray[..., j], shown[..., i])


def test_a_constant_channel_is_black():
    assert (false_color(np.full((4, 4, 1), 7.0), (0,)) == 0).all()


def test_the_contrast_of_another_image():
    image = ramps()
    darker = false_color(image / 2, (0,), contrast_of=image)
    np.testing.assert_array_equal(darker[:, 1:51].max(), 0)  # 1 is the least


@pytest.mark.parametrize('channels', [(), (0, 1), (0, 1, 4), (-1,)])
def test_wrong_channels(channels):
    with pytest.raises(ValueError, match='channels must'):
        false_color(ramps(), channels)


def test_hooks_read_images_in_the_place_of_files(tmp_path):
    """They decode what ``get`` returns, in RGB."""
    image = np.random.default_rng(0).integers(0, 4096, (9, 8, 5), np.uint16)
    path = tmp_path / 'a.tif'
    tifffile.imwrite(path, image, planarconfig='contig')
    options = dict(backend='false_color', channels=[4, 0, 2])
    content = get(str(path), backend_args=options)
    shown = mmcv.imfrombytes(content, channel_order='rgb')
    np.testing.assert_array_equal(shown, false_color(image, (4, 0, 2)))
    with pytest.raises(ValueError, match=r'a\.tif: channels must be between'):
        get(str(path), backend_args=dict(options, channels=[9]))
