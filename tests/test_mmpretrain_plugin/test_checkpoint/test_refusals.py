"""What is no whole ConvNeXt is refused, with the list of what is wrong."""

import re

import pytest
import torch

from mmpretrain_plugin.checkpoint import (
    LAYOUTS,
    ConversionError,
    read,
    write,
)
from tests.helpers.small_weights import make_weights


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_single_missing_key_is_refused(weights, layout):
    """By its name, whichever it is."""
    state, _ = write(weights, layout, backbone_only=True)
    for key in list(state):
        value = state.pop(key)
        usual = LAYOUTS[layout].usual_name(key)
        name, _ = LAYOUTS[layout].to_ours(usual, value)
        wrong = f'missing: {name}'
        if name == 'backbone.norm3.weight':  # without it there is no norm
            wrong = 'left over: backbone.norm3.bias'
        with pytest.raises(ConversionError, match=re.escape(wrong)):
            read(state)
        state[key] = value


@pytest.mark.parametrize('layout', LAYOUTS)
def test_a_left_over_key_is_refused(weights, layout):
    state, _ = write(weights, layout, backbone_only=True)
    extra = {
        'mmpretrain': 'backbone.downsample_layers.0.7.weight',
        'timm': 'stages.0.blocks.0.what',
    }.get(layout, 'stages.0.0.what')
    with pytest.raises(ConversionError, match=f'left over: .*{extra}'):
        read({**state, extra: torch.zeros(2)})


@pytest.mark.parametrize(
    ('number', 'message'),
    [('9999', 'counted beyond the file'), ('1' * 5000, 'left over')],
)
def test_numbers_in_names_are_bounded(weights, number, message):
    key = f'backbone.stages.0.{number}.norm.weight'
    with pytest.raises(ConversionError, match=message):
        read({**weights.state, key: torch.zeros(2)})


def test_many_stages_of_many_blocks_are_refused_at_once(weights):
    """Their whole list would be that of a network no file holds."""
    names = [f'backbone.stages.{s}.199.norm.weight' for s in range(200)]
    extra = dict.fromkeys(names, torch.zeros(2))
    with pytest.raises(ConversionError, match='counted beyond the file'):
        read({**weights.state, **extra})


@pytest.mark.parametrize('layout', ['official', 'timm', 'huggingface'])
def test_a_classifier_has_a_norm(weights, layout):
    state, _ = write(weights, layout)
    place = dict(official='norm.', timm='head.norm.', huggingface='layernorm.')
    body = {
        k: v for k, v in state.items()
        if not k.removeprefix('convnextv2.').startswith(place[layout])
    }  # fmt: skip
    assert len(body) == len(state) - 2
    with pytest.raises(ConversionError, match=r'missing: backbone\.norm3'):
        read(body)


@pytest.mark.parametrize('kind', ['neither', 'both'])
def test_what_transformers_cannot_hold_is_refused(weights, kind):
    """It would fill in a layer scale of its own."""
    state = {k: v for k, v in weights.state.items() if 'neck.' not in k}
    if kind == 'neither':
        state = {k: v for k, v in state.items() if '.grn.' not in k}
    else:
        norms = [k for k in state if re.match(r'.*\.\d\.norm\.weight', k)]
        scales = {k.replace('norm.weight', 'gamma'): state[k] for k in norms}
        state = {**state, **scales}
    with pytest.raises(ConversionError, match=f'these have {kind}'):
        write(read(state), 'huggingface')


def test_everything_that_is_wrong_is_listed_at_once(weights):
    del weights.state['backbone.downsample_layers.0.0.weight']
    del weights.state['backbone.stages.1.0.norm.weight']
    del weights.state['backbone.stages.1.1.norm.weight']
    weights.state['backbone.downsample_layers.0.0.x'] = torch.zeros(1)
    with pytest.raises(ConversionError) as error:
        read(weights.state)
    for words in (
        'missing: backbone.downsample_layers.0.0.weight, ',
        'backbone.stages.1.0.norm.weight',
        'left over: backbone.downsample_layers.0.0.x',
    ):
        assert words in str(error.value)


def test_an_unknown_prefix_is_named(weights):
    state = {f'model.{key}': value for key, value in weights.state.items()}
    wanted = 'begin with model.backbone.* take off what precedes'
    with pytest.raises(ConversionError, match=wanted):
        read(state)


def test_a_matrix_is_no_grn(weights):
    state, _ = write(weights, 'official')
    key = 'stages.0.0.grn.gamma'
    state[key] = state[key].view(2, -1)
    with pytest.raises(ConversionError, match=f'{key} of shape .* no vector'):
        read(state)


def test_a_key_of_another_shape_is_refused(weights):
    state, _ = write(weights, 'timm')
    key = 'stages.1.blocks.0.mlp.fc1.weight'
    state[key] = state[key][:-1]
    wanted = r'of another shape: backbone.stages.1.0.pointwise_conv1.weight'
    with pytest.raises(ConversionError, match=wanted):
        read(state)


def test_other_networks_are_refused():
    with pytest.raises(ConversionError, match='no ConvNeXt .* conv1.weight'):
        read({'conv1.weight': torch.zeros(1)})
    with pytest.raises(ConversionError, match="unknown layout 'keras'"):
        write(make_weights(), 'keras')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_broken_numbers_are_refused(weights, value):
    key = 'backbone.stages.0.0.norm.bias'
    weights.state[key] = torch.full_like(weights.state[key], value)
    with pytest.raises(ConversionError, match=f'NaN or infinite: {key}'):
        read(weights.state)


@pytest.mark.parametrize('dtype', [torch.int32, torch.float8_e4m3fn])
def test_other_kinds_of_numbers_are_refused(weights, dtype):
    key = 'backbone.stages.0.0.norm.bias'
    weights.state[key] = weights.state[key].to(dtype)
    with pytest.raises(ConversionError, match=f'not floating-point.*: {key}'):
        read(weights.state)


def test_a_decoder_is_whole_or_refused(weights):
    decoder = [key for key in weights.state if key.startswith('neck.')]
    assert len(decoder) > 10
    for key in decoder:
        value = weights.state.pop(key)
        wrong = re.escape(f'missing: {key}')
        with pytest.raises(ConversionError, match=wrong):
            read(weights.state)
        cut = {**weights.state, key: value[..., :-1]}
        with pytest.raises(ConversionError, match='of another shape: neck'):
            read(cut)
        weights.state[key] = value


def test_one_weight_under_two_names_is_refused(weights):
    state, _ = write(weights, 'official')
    state['norm3.weight'] = state['norm.weight']
    twice = r'there twice: norm3.weight \(backbone.norm3.weight\)'
    with pytest.raises(ConversionError, match=twice):
        read(state)
