"""Incomplete weights are errors that list everything that is wrong."""

import re

import pytest
import torch

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    ConversionError,
    IncompleteCheckpointError,
    to_state_dict,
    to_weights,
)
from tests.helpers.small_weights import weights_for


@pytest.fixture
def state(weights):
    """State dict of a backbone, a classifier and a decoder."""
    return to_state_dict(weights, 'mmpretrain')[0]


@pytest.mark.parametrize('name', FORMATS)
def test_every_missing_key_is_named(name):
    table, weights = FORMATS[name], weights_for(name, depths=(1, 1, 2, 1))
    state, _ = to_state_dict(weights, name, backbone_only=True)
    for key in list(state):
        if name == 'dinov3' and key.startswith('norm'):
            continue  # it is there twice
        value = state.pop(key)
        _, missing, _ = table.read_key(table.canonical_key(key), value)
        wanted = re.escape(f'missing: backbone.{missing}')
        with pytest.raises(IncompleteCheckpointError, match=f'{wanted}$'):
            to_weights(state)
        state[key] = value


@pytest.mark.parametrize('name', FORMATS)
def test_an_unexpected_key_is_named(name):
    state, _ = to_state_dict(weights_for(name), name, backbone_only=True)
    key = {
        'mmpretrain': 'backbone.downsample_layers.0.7.weight',
        'timm': 'stages.0.blocks.0.what',
    }.get(name, 'stages.0.0.what')
    with pytest.raises(IncompleteCheckpointError, match=f'unexpected: {key}$'):
        to_weights({**state, key: torch.zeros(2)})


@pytest.mark.parametrize(
    ('number', 'message'),
    [('9999', 'exceeds the'), ('1' * 5000, 'unexpected')],
)
def test_block_numbers_are_bounded_by_the_file(state, number, message):
    key = f'backbone.stages.0.{number}.norm.weight'
    with pytest.raises(IncompleteCheckpointError, match=message):
        to_weights({**state, key: torch.zeros(2)})


def test_many_stages_of_many_blocks_are_an_error(state):
    """A model of that depth is not built."""
    names = [f'backbone.stages.{s}.199.norm.weight' for s in range(200)]
    extra = dict.fromkeys(names, torch.zeros(2))
    with pytest.raises(IncompleteCheckpointError, match='exceeds the'):
        to_weights({**state, **extra})


@pytest.mark.parametrize('number', ['9', '999', '9' * 5000])
def test_decoder_blocks_are_bounded_by_the_file(state, number):
    key = f'neck.decoder.{number}.norm.weight'
    with pytest.raises(IncompleteCheckpointError, match=r'decoder\.decoder'):
        to_weights({**state, key: torch.zeros(6)})


@pytest.mark.parametrize('name', ['official', 'timm', 'huggingface'])
def test_a_classifier_needs_the_last_norm(weights, name):
    state, _ = to_state_dict(weights, name)
    norm = dict(official='norm.', timm='head.norm.', huggingface='layernorm.')
    body = {
        k: v for k, v in state.items()
        if not k.removeprefix('convnextv2.').startswith(norm[name])
    }  # fmt: skip
    assert len(body) == len(state) - 2
    wanted = 'missing: backbone.norm3.weight, backbone.norm3.bias'
    with pytest.raises(IncompleteCheckpointError, match=wanted):
        to_weights(body)


@pytest.mark.parametrize('kind', ['neither', 'both'])
def test_blocks_that_transformers_does_not_have(weights, kind):
    """It would add a randomly initialized layer scale."""
    weights.decoder = {}
    backbone = weights.backbone
    if kind == 'neither':
        backbone = {k: v for k, v in backbone.items() if '.grn.' not in k}
    else:
        norms = [k for k in backbone if re.match(r'.*\.\d\.norm\.weight', k)]
        scales = {
            k.replace('norm.weight', 'gamma'): backbone[k] for k in norms
        }
        backbone = {**backbone, **scales}
    with pytest.raises(ConversionError, match=f'these have {kind}'):
        to_state_dict(to_weights(backbone), 'huggingface')


def test_everything_that_is_wrong_is_listed(state):
    for key in (
        'downsample_layers.0.0.weight',
        'stages.1.0.norm.weight',
        'stages.1.1.norm.weight',
    ):
        del state[f'backbone.{key}']
    state['backbone.downsample_layers.0.0.x'] = torch.zeros(1)
    state['backbone.stages.0.0.norm.bias'] = torch.full((4,), torch.nan)
    state['head.fc.weight'] = torch.zeros(5, 3)
    with pytest.raises(IncompleteCheckpointError) as error:
        to_weights(state)
    for words in (
        'missing: backbone.downsample_layers.0.0.weight, ',
        'backbone.stages.1.0.norm.weight',
        'unexpected: backbone.downsample_layers.0.0.x',
        'wrong shape: classifier.fc.weight (5, 3), expected (5, 16)',
        'NaN or infinite: backbone.stages.0.0.norm.bias',
    ):
        assert words in str(error.value)


def test_a_missing_stage_is_named(state):
    state = {k: v for k, v in state.items() if 'stages.1.' not in k}
    with pytest.raises(IncompleteCheckpointError, match=r'stages\.1 are miss'):
        to_weights(state)


def test_an_unknown_prefix_is_named(state):
    state = {f'model.{key}': value for key, value in state.items()}
    wanted = 'begin with model.backbone.* remove what precedes'
    with pytest.raises(ConversionError, match=wanted):
        to_weights(state)


def test_a_matrix_is_not_a_vector(weights):
    state, _ = to_state_dict(weights, 'official')
    key = 'stages.0.0.grn.gamma'
    state[key] = state[key].view(2, -1)
    with pytest.raises(ConversionError, match=f'{key} has .* not a vector'):
        to_weights(state)


def test_a_wrong_shape_is_named(weights):
    state, _ = to_state_dict(weights, 'timm')
    key = 'stages.1.blocks.0.mlp.fc1.weight'
    state[key] = state[key][:-1]
    wanted = r'wrong shape: backbone.stages.1.0.pointwise_conv1.weight \(31,'
    with pytest.raises(IncompleteCheckpointError, match=wanted):
        to_weights(state)


def test_other_networks_and_formats_are_errors(weights):
    with pytest.raises(ConversionError, match='no ConvNeXt .* conv1.weight'):
        to_weights({'conv1.weight': torch.zeros(1)})
    with pytest.raises(ConversionError, match="unknown format 'keras'"):
        to_state_dict(weights, 'keras')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_values_that_are_not_finite_are_errors(state, value):
    key = 'backbone.stages.0.0.norm.bias'
    state[key] = torch.full_like(state[key], value)
    with pytest.raises(
        IncompleteCheckpointError, match=f'NaN or infinite: {key}$'
    ):
        to_weights(state)


@pytest.mark.parametrize('dtype', [torch.int32, torch.float8_e4m3fn])
def test_other_dtypes_are_errors(state, dtype):
    key = 'backbone.stages.0.0.norm.bias'
    state[key] = state[key].to(dtype)
    wanted = f'not floating-point.*: {key} {dtype}$'
    with pytest.raises(IncompleteCheckpointError, match=wanted):
        to_weights(state)


def test_a_decoder_is_complete_or_an_error(state):
    decoder = [key for key in state if key.startswith('neck.')]
    assert len(decoder) > 10
    for key in decoder:
        value = state.pop(key)
        name = f'decoder.{key.removeprefix("neck.")}'
        wanted = re.escape(f'missing: {name}')
        with pytest.raises(IncompleteCheckpointError, match=wanted):
            to_weights(state)
        cut = {**state, key: value[..., :-1]}
        wanted = re.escape(f'wrong shape: {name} ')
        with pytest.raises(IncompleteCheckpointError, match=wanted):
            to_weights(cut)
        state[key] = value


def test_one_weight_under_two_keys_is_an_error(weights):
    state, _ = to_state_dict(weights, 'official')
    state['norm3.weight'] = state['norm.weight']
    to_weights(state)  # equal values
    state['norm3.weight'] = 2 * state['norm.weight']
    wanted = 'duplicated: norm3.weight and norm.weight'
    with pytest.raises(IncompleteCheckpointError, match=wanted):
        to_weights(state)
