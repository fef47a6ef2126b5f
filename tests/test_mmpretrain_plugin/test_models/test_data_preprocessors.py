"""Any number of channels is normalized as the libraries normalize three."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch.testing import assert_close

import mmdet_plugin  # noqa: F401  registers
import mmseg_plugin  # noqa: F401  registers

MEAN, STD = [1000.0, 20.0, 3.0, 0.5], [500.0, 10.0, 2.0, 0.1]
CASES = [
    ('mmpretrain', 'SelfSupDataPreprocessor'),
    ('mmdet', 'DetDataPreprocessor'),
    ('mmseg', 'SegDataPreProcessor'),
]


def build(library, name, **options):
    with DefaultScope.overwrite_default_scope(library):
        return MODELS.build(dict(type=f'{library}.{name}', **options))


def normalized(preprocessor, library, images):
    """Return what the model gets."""
    if library == 'mmpretrain':
        data = dict(inputs=torch.stack(images), data_samples=None)
    else:
        # A segmentor's preprocessor reads nothing else.
        samples = [DetDataSample(metainfo=dict(img_shape=(6, 7)))] * 2
        data = dict(inputs=images, data_samples=samples)
    return preprocessor(data, training=False)['inputs']


def images(channels, dtype):
    generator = torch.Generator().manual_seed(0)
    shape = (2, channels, 6, 7)
    pixels = torch.randint(0, 2000, shape, generator=generator)
    return list(pixels.to(dtype))


@pytest.mark.parametrize('dtype', [torch.uint16, torch.float32])
@pytest.mark.parametrize('library, name', CASES)
def test_each_channel_is_normalized(library, name, dtype):
    preprocessor = build(library, f'MultiChannel{name}', mean=MEAN, std=STD)
    inputs = images(4, dtype)
    result = normalized(preprocessor, library, inputs)
    for i, (mean, std) in enumerate(zip(MEAN, STD)):
        expected = torch.stack([(x[i].float() - mean) / std for x in inputs])
        assert_close(result[:, i], expected)


@pytest.mark.parametrize('library, name', CASES)
def test_three_channels_give_the_result_of_the_library(library, name):
    options = dict(mean=MEAN[:3], std=STD[:3])
    ours = build(library, f'MultiChannel{name}', **options)
    theirs = build(library, name, **options)
    inputs = images(3, torch.uint8)
    assert_close(
        normalized(ours, library, inputs),
        normalized(theirs, library, inputs),
        rtol=0,
        atol=0,
    )
    assert list(ours.state_dict()) == list(theirs.state_dict()) == []


@pytest.mark.parametrize('library, name', CASES)
def test_other_channels_are_an_error(library, name):
    """One channel would otherwise be repeated silently."""
    preprocessor = build(library, f'MultiChannel{name}', mean=MEAN, std=STD)
    for channels in (1, 3):
        with pytest.raises(ValueError, match=f'images have {channels} chan'):
            normalized(preprocessor, library, images(channels, torch.uint8))


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(std=STD[:3]), '4 and 3 values'),
        (dict(mean=[], std=[]), '0 and 0 values'),
        (dict(std=[1.0, 0.0, 1.0, 1.0]), 'std must be positive'),
        (dict(bgr_to_rgb=True), 'bgr_to_rgb must be False'),
    ],
)
def test_wrong_arguments(options, message):
    options = {**dict(mean=MEAN, std=STD), **options}
    with pytest.raises(ValueError, match=message):
        build('mmdet', 'MultiChannelDetDataPreprocessor', **options)
