"""Key tables against keys that are written without them."""

import re

import pytest
import torch

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    ConversionError,
    IncompleteCheckpointError,
    detect_format,
    to_state_dict,
    to_weights,
)
from mmpretrain_plugin.checkpoint.verification import project_model
from tests.helpers.small_weights import assert_same, make_weights, weights_for


def mmpretrain(weights):
    """Return the keys of mmpretrain's classifier and of FCMAE's decoder."""
    prefixes = dict(backbone='backbone.', classifier='head.', decoder='neck.')
    return {
        prefixes[part] + name: value for part, name, value in weights.items()
    }


def official(weights):
    """Return the keys of the authors' ConvNeXtV2 and FCMAE classes."""
    parts, state = mmpretrain(weights), {}

    def add(key, name):
        for part in ('weight', 'bias'):
            state[f'{key}.{part}'] = parts[f'{name}.{part}']

    def add_block(key, name):
        add(f'{key}.dwconv', f'{name}.depthwise_conv')
        add(f'{key}.norm', f'{name}.norm')
        add(f'{key}.pwconv1', f'{name}.pointwise_conv1')
        add(f'{key}.pwconv2', f'{name}.pointwise_conv2')
        for part in ('gamma', 'beta'):
            value = parts[f'{name}.grn.{part}']
            state[f'{key}.grn.{part}'] = value[None, None, None]

    for s, depth in enumerate(weights.architecture.depths):
        for i in range(2):
            add(f'downsample_layers.{s}.{i}',
                f'backbone.downsample_layers.{s}.{i}')  # fmt: skip
        for b in range(depth):
            add_block(f'stages.{s}.{b}', f'backbone.stages.{s}.{b}')
    add('norm', 'backbone.norm3')
    add('head', 'head.fc')
    add('proj', 'neck.proj')
    state['mask_token'] = parts['neck.mask_token']
    add_block('decoder.0', 'neck.decoder.0')
    add('pred', 'neck.pred')
    return state


def minkowski(weights):
    """Return keys and kernels of the authors' encoder, element by element.

    kernel[c * k + r, i, o] is weight[o, i, r, c].
    """
    state = {}
    for name, value in weights.backbone.items():
        parts = name.split('.')
        if parts[0] == 'norm3':
            continue
        for ours, theirs in (
            ('depthwise_conv', 'dwconv'),
            ('pointwise_conv1', 'pwconv1.linear'),
            ('pointwise_conv2', 'pwconv2.linear'),
        ):
            name = name.replace(ours, theirs)
        if parts[0] == 'stages':
            name = name.replace('.norm.', '.norm.ln.')
        is_stem = parts[:2] == ['downsample_layers', '0']
        if parts[0] == 'downsample_layers' and not is_stem and parts[2] == '0':
            name = name.replace('.0.weight', '.0.ln.weight')
            name = name.replace('.0.bias', '.0.ln.bias')
        if value.dim() == 4 and not is_stem:
            out, inside, k, _ = value.shape
            kernel = torch.zeros(k * k, inside, out)
            for r in range(k):
                for c in range(k):
                    kernel[c * k + r] = value[:, :, r, c].T
            value = kernel[:, 0] if 'dwconv' in name else kernel
            name = name.removesuffix('weight') + 'kernel'
        elif value.dim() == 1 and not is_stem:
            is_layer = '.ln.' in name or '.linear.' in name
            value = value if is_layer else value[None]
        state['encoder.' + name] = value
    return state


def test_dinov3_has_its_last_norm_twice():
    """As Meta's model, where norms[3] and norm are one module."""
    weights = make_weights(v1=True, classifier=False, decoder=False)
    state, _ = to_state_dict(weights, 'official')
    twice = {
        **state,
        'norms.3.weight': state['norm.weight'],
        'norms.3.bias': state['norm.bias'],
    }
    written, dropped = to_state_dict(weights, 'dinov3')
    assert not dropped
    assert_same(written, twice)
    read = to_weights(twice)
    assert read.source_format == 'dinov3'
    assert_same(read.by_name(), weights.by_name())
    segmentor = {f'backbone.{key}': value for key, value in twice.items()}
    read = to_weights({**segmentor, 'decode_head.bias': torch.zeros(1)})
    assert_same(read.by_name(), weights.by_name())
    for other in (twice['norm.bias'] + 1, twice['norm.bias'].double()):
        twice['norms.3.bias'] = other
        wanted = r'duplicated: norms\.3\.bias and norm\.bias'
        with pytest.raises(IncompleteCheckpointError, match=wanted):
            to_weights(twice)


def test_dinov3_has_a_norm_of_the_last_stage_only():
    """Meta's code loads neither a file with others nor one without it."""
    options = dict(v1=True, classifier=False, decoder=False)
    weights = make_weights(norms=(0, 1, 2, 3), **options)
    state, dropped = to_state_dict(weights, 'dinov3')
    assert dropped == [
        f'backbone.norm{i}.{part}'
        for i in range(3)
        for part in ('weight', 'bias')
    ]
    assert {k for k in state if 'norm' in k.split('.')[0]} == {
        'norm.weight', 'norm.bias', 'norms.3.weight', 'norms.3.bias'
    }  # fmt: skip
    weights = make_weights(final_norm=False, **options)
    with pytest.raises(ConversionError, match='dinov3 format has a norm'):
        to_state_dict(weights, 'dinov3')


def test_another_network_with_such_a_norm_is_not_dinov3():
    with pytest.raises(ConversionError, match='no ConvNeXt in a known format'):
        detect_format({'norms.3.weight': torch.zeros(2)})


@pytest.mark.parametrize('write', [mmpretrain, official])
def test_keys_are_those_of_the_classes(weights, write):
    target = write.__name__
    state, dropped = to_state_dict(weights, target)
    assert not dropped
    assert_same(state, write(weights))
    assert_same(to_weights(write(weights)).by_name(), weights.by_name())


def test_sparse_decoder_has_official_keys(weights):
    sparse, _ = to_state_dict(weights, 'official-sparse')
    decoder = {k: v for k, v in sparse.items() if not k.startswith('encoder.')}
    wanted = official(weights)
    modules = ('proj.', 'mask_token', 'decoder.', 'pred.')
    assert_same(
        decoder, {k: v for k, v in wanted.items() if k.startswith(modules)}
    )


def test_sparse_encoder_has_minkowski_kernels(weights):
    converted = to_weights(minkowski(weights))
    assert converted.source_format == 'official-sparse'
    images = torch.randn(2, 3, 64, 96)
    assert torch.equal(
        project_model(converted)(images)[0], project_model(weights)(images)[0]
    )
    state, _ = to_state_dict(weights, 'official-sparse', backbone_only=True)
    assert_same(state, minkowski(weights))


@pytest.mark.parametrize('name', FORMATS)
def test_each_format_matches_its_own_signature_only(name):
    """Except that DINOv3's files have all keys of the official format."""
    state, _ = to_state_dict(weights_for(name), name)
    names = {name, 'official'} if name == 'dinov3' else {name}
    assert {t.name for t in FORMATS.values() if t.matches(state)} == names
    assert detect_format(state).name == name
    for table in FORMATS.values():
        found = [key for key in state if re.fullmatch(table.signature, key)]
        assert bool(found) == (table.name in names), found
