"""The stem accepts another number of input channels."""

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import ConversionError, adapt_stem
from mmpretrain_plugin.checkpoint.stem import STEM


@pytest.mark.parametrize(('channels', 'method'), [(1, 'sum'), (6, 'repeat')])
def test_equal_channels_give_equal_activations(weights, channels, method):
    gray = torch.randn(1, 1, 8, 8)

    def activations(stem):
        images = gray.expand(1, stem.shape[1], 8, 8)
        return torch.nn.functional.conv2d(images, stem, stride=4)

    adapted = adapt_stem(weights, channels, method)
    assert_close(
        activations(adapted.backbone[STEM]),
        activations(weights.backbone[STEM]),
    )
    assert adapted.architecture.in_channels == channels
    assert adapted.architecture.depths == weights.architecture.depths


@pytest.mark.parametrize(
    ('channels', 'order'), [(1, [0]), (2, [0, 1]), (4, [0, 1, 2, 0])]
)
def test_repeat_cycles_through_channels_and_scales(weights, channels, order):
    adapted = adapt_stem(weights, channels, 'repeat')
    wanted = weights.backbone[STEM][:, order] * 3 / channels
    assert_close(adapted.backbone[STEM], wanted)
    assert not adapted.decoder
    assert weights.backbone[STEM].shape[1] == 3


def test_an_equal_number_of_channels_changes_nothing(weights):
    assert adapt_stem(weights, 3, 'repeat') is weights


@pytest.mark.parametrize(
    ('channels', 'method', 'message'),
    [
        (4, 'sum', "'sum' cannot change 3 channels to 4"),
        (0, 'repeat', 'at least 1'),
    ],
)
def test_unsupported_numbers_are_errors(weights, channels, method, message):
    with pytest.raises(ConversionError, match=message):
        adapt_stem(weights, channels, method)
