"""Stems for another number of channels answer as they did."""

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import ConversionError, adapt_stem, read


@pytest.mark.parametrize(('channels', 'how'), [(1, 'sum'), (6, 'repeat')])
def test_equal_channels_give_the_same_response(weights, channels, how):
    grey = torch.randn(1, 1, 8, 8)

    def response(stem):
        images = grey.expand(1, stem.shape[1], 8, 8)
        return torch.nn.functional.conv2d(images, stem, stride=4)

    adapted = adapt_stem(weights, channels, how)
    assert_close(response(adapted.stem), response(weights.stem))
    assert read(adapted.state).depths == weights.depths


@pytest.mark.parametrize(
    ('channels', 'order'), [(1, [0]), (2, [0, 1]), (4, [0, 1, 2, 0])]
)
def test_repeat_takes_channels_in_turn_and_scales(weights, channels, order):
    adapted = adapt_stem(weights, channels, 'repeat')
    wanted = weights.stem[:, order] * 3 / channels
    assert_close(adapted.stem, wanted)
    assert not any(key.startswith('neck.') for key in adapted.state)


def test_as_many_channels_as_there_are_change_nothing(weights):
    assert adapt_stem(weights, 3, 'repeat') is weights


@pytest.mark.parametrize(
    ('channels', 'how', 'message'),
    [(4, 'sum', "no way 'sum' from 3 to 4"), (0, 'repeat', 'at least 1')],
)
def test_what_does_not_fit_is_named(weights, channels, how, message):
    with pytest.raises(ConversionError, match=message):
        adapt_stem(weights, channels, how)
