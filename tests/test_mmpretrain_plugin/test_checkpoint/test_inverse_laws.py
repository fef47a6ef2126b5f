"""Reading a format inverts writing it, bit for bit.

It follows that a conversion from any format to any other and back loses only
what one of the two formats cannot hold.
"""

import pytest
import torch

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    ConversionError,
    to_state_dict,
    to_weights,
)
from tests.helpers.small_weights import assert_same, make_weights

# Each has other depths, and base those of small, large and huge too.
SIZES = ('atto', 'nano', 'tiny', 'base')


def assert_inverse(weights, target):
    """Assert that the format holds the weights, and return what it drops."""
    state, dropped = to_state_dict(weights, target)
    back = to_weights(state)
    assert back.source_format == target
    wanted = weights.by_name()
    for name in dropped:
        del wanted[name]
    assert_same(back.by_name(), wanted)
    again, dropped_again = to_state_dict(back, target)
    assert not dropped_again
    assert_same(again, state)
    return dropped


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize(
    'target', [n for n, table in FORMATS.items() if not table.v1_only]
)
def test_v2_with_classifier_and_decoder(size, target):
    dropped = assert_inverse(make_weights(size), target)
    lost = {
        'mmpretrain': (),
        'official': (),
        'official-sparse': ('backbone.norm3.', 'classifier.'),
        'timm': ('decoder.',),
        'huggingface': ('decoder.',),
    }
    assert all(name.startswith(lost[target]) for name in dropped), dropped
    assert len(dropped) == {0: 0, 1: 15, 2: 4}[len(lost[target])]


@pytest.mark.parametrize('target', [x for x in FORMATS if 'sparse' not in x])
def test_v1_with_layer_scale(target):
    weights = make_weights('tiny', v1=True, decoder=False)
    dropped = assert_inverse(weights, target)
    without_classifier = ('dinov3', 'huggingface-dinov3')
    lost = ['classifier.fc.weight', 'classifier.fc.bias']
    assert sorted(dropped) == sorted(lost * (target in without_classifier))


@pytest.mark.parametrize(
    'target', [n for n, table in FORMATS.items() if table.v1_only]
)
@pytest.mark.parametrize(
    'options',
    [{}, dict(use_grn=False), dict(layer_scale_init_value=1.0)],
    ids=['V2', 'neither', 'both'],
)
def test_formats_of_v1_only_hold_nothing_else(target, options):
    weights = make_weights(**options)
    with pytest.raises(ConversionError, match=f'{target} format has .* V1 on'):
        to_state_dict(weights, target)


@pytest.mark.parametrize('target', ['mmpretrain', 'official', 'huggingface'])
def test_norms_of_all_stages(target):
    weights = make_weights(norms=(0, 1, 2, 3), decoder=False, classifier=False)
    assert not assert_inverse(weights, target)


def test_the_sparse_format_cannot_hold_layer_scale():
    """Without it the network would silently compute something else."""
    weights = make_weights('tiny', v1=True, decoder=False)
    with pytest.raises(ConversionError, match=r'cannot hold .*0\.0\.gamma'):
        to_state_dict(weights, 'official-sparse')


def test_backbone_only_drops_nothing(weights):
    state, dropped = to_state_dict(weights, 'timm', backbone_only=True)
    assert not dropped
    assert_same(to_weights(state).backbone, weights.backbone)
    assert not to_weights(state).classifier


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_preserved(weights, dtype):
    state, _ = to_state_dict(weights, 'mmpretrain')
    state = {key: value.to(dtype) for key, value in state.items()}
    converted, _ = to_state_dict(to_weights(state), 'huggingface')
    assert {value.dtype for value in converted.values()} == {dtype}
