"""Stems for another number of channels answer as they did."""

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import ConversionError, adapt_stem, read


def test_stems_adapt(weights):
    def response(adapted, x):
        stem = adapted.state['backbone.downsample_layers.0.0.weight']
        return torch.nn.functional.conv2d(x, stem, stride=4)

    grey = torch.randn(1, 1, 8, 8)
    wanted = response(weights, grey.expand(1, 3, 8, 8))
    for channels, how in ((1, 'sum'), (1, 'repeat'), (6, 'repeat')):
        adapted = adapt_stem(weights, channels, how)
        got = response(adapted, grey.expand(1, channels, 8, 8))
        if (channels, how) != (1, 'repeat'):
            assert_close(got, wanted)
        assert read(adapted.state).depths == weights.depths
    repeated = adapt_stem(weights, 4, 'repeat').state
    stem = weights.state['backbone.downsample_layers.0.0.weight']
    assert_close(
        repeated['backbone.downsample_layers.0.0.weight'],
        stem[:, [0, 1, 2, 0]] * 3 / 4,
    )
    with pytest.raises(ConversionError, match="no way 'sum' from 3 to 4"):
        adapt_stem(weights, 4, 'sum')
