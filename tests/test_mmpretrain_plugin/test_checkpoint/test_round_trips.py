"""Every layout to every other and back, bit for bit."""

import itertools
import re

import pytest
import torch
from mmpretrain.registry import MODELS

from mmpretrain_plugin.checkpoint import (
    LAYOUTS,
    ConversionError,
    Weights,
    read,
    write,
)
from tests.helpers.small_models import some_mask
from tests.helpers.small_weights import assert_same, make_weights
from tests.test_configs.facts import SIZES


def kept(weights, *layouts):
    """The part of the weights that has a place in all these layouts."""
    state = weights.state
    for layout in layouts:
        _, dropped = write(weights, layout)
        state = {k: v for k, v in state.items() if k not in dropped}
    return state


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize(('one', 'other'), itertools.permutations(LAYOUTS, 2))
def test_round_trips_are_bit_equal(size, one, other):
    weights = make_weights(size)
    first, _ = write(weights, one)
    second, _ = write(read(first), other)
    back = read(second)
    assert back.layout == other
    assert_same(back.state, kept(weights, one, other))
    third, _ = write(back, one)
    common, _ = write(Weights(kept(weights, one, other), ''), one)
    assert_same(third, common)


@pytest.mark.parametrize('layout', [x for x in LAYOUTS if 'sparse' not in x])
def test_v1_with_layer_scale_goes_everywhere(layout):
    weights = make_weights('tiny', v1=True, decoder=False)
    state, dropped = write(weights, layout)
    assert not dropped
    assert_same(read(state).state, weights.state)


def test_v1_has_no_place_in_the_sparse_layout():
    """Without its layer scale it would be another network, silently."""
    weights = make_weights('tiny', v1=True, decoder=False)
    with pytest.raises(ConversionError, match=r'no place for .*0\.0\.gamma'):
        write(weights, 'official-sparse')


@pytest.mark.parametrize('layout', ['mmpretrain', 'official', 'huggingface'])
def test_norms_of_all_stages_go_along(layout):
    weights = make_weights(stages=True, decoder=False)
    state, dropped = write(weights, layout)
    assert not dropped
    assert_same(read(state).state, weights.state)


def test_what_has_no_place_is_named(weights):
    _, dropped = write(weights, 'timm')
    assert dropped and all(key.startswith('neck.') for key in dropped)
    state, dropped = write(weights, 'timm', backbone_only=True)
    assert not dropped and not any('fc' in k.split('.')[1] for k in state)


def minkowski(weights):
    """Write the layout of the official pre-training script, number by number.

    Not with our tables: kernel[c * k + r, i, o] is weight[o, i, r, c].
    """
    state = {}
    for key, value in weights.state.items():
        if not key.startswith('backbone.') or 'norm3' in key:
            continue
        parts = key.split('.')[1:]
        name = '.'.join(parts)
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


def official(weights):
    """Write the layout of the authors' dense code, name by name.

    Not with our tables. (Attributes of its ConvNeXtV2 and FCMAE classes.)
    """
    ours, state = weights.state, {}

    def take(name, key):
        for part in ('weight', 'bias'):
            state[f'{name}.{part}'] = ours[f'{key}.{part}']

    def take_block(name, key):
        take(f'{name}.dwconv', f'{key}.depthwise_conv')
        take(f'{name}.norm', f'{key}.norm')
        take(f'{name}.pwconv1', f'{key}.pointwise_conv1')
        take(f'{name}.pwconv2', f'{key}.pointwise_conv2')
        for part in ('gamma', 'beta'):
            value = ours[f'{key}.grn.{part}']
            state[f'{name}.grn.{part}'] = value[None, None, None]

    for s, depth in enumerate(weights.depths):
        for i in range(2):
            take(f'downsample_layers.{s}.{i}',
                 f'backbone.downsample_layers.{s}.{i}')  # fmt: skip
        for b in range(depth):
            take_block(f'stages.{s}.{b}', f'backbone.stages.{s}.{b}')
    take('norm', 'backbone.norm3')
    take('head', 'head.fc')
    take('proj', 'neck.proj')
    state['mask_token'] = ours['neck.mask_token']
    take_block('decoder.0', 'neck.decoder.0')
    take('pred', 'neck.pred')
    return state


def test_the_official_names_are_the_authors(weights):
    ours, dropped = write(weights, 'official')
    assert not dropped
    assert_same(ours, official(weights))
    assert_same(read(official(weights)).state, weights.state)


def test_the_sparse_decoder_has_the_official_names(weights):
    sparse, _ = write(weights, 'official-sparse')
    rooms = ('proj.', 'mask_token', 'decoder.', 'pred.')
    got = {k: v for k, v in sparse.items() if k.startswith(rooms)}
    wanted = {
        k: v for k, v in official(weights).items() if k.startswith(rooms)
    }
    assert_same(got, wanted)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_a_layout_is_recognized_by_itself_alone(weights, layout):
    state, _ = write(weights, layout)
    for other in LAYOUTS.values():
        marked = [k for k in state if re.fullmatch(other.marks, k)]
        assert bool(marked) == (other.name == layout), (other.name, marked)


def build(weights):
    model = MODELS.build(
        dict(
            type='mmpretrain.ConvNeXtV2',
            arch=dict(depths=weights.depths, channels=weights.channels),
            gap_before_final_norm=False,
            final_norm=False,
        )
    )
    body = {
        k.removeprefix('backbone.'): v
        for k, v in weights.state.items()
        if k.startswith('backbone.') and 'norm3' not in k
    }
    model.load_state_dict(body)
    return model


def test_a_minkowski_checkpoint_gives_equal_features(weights):
    converted = read(minkowski(weights))
    assert converted.layout == 'official-sparse'
    x = torch.randn(2, 3, 64, 96)
    assert torch.equal(build(converted)(x)[0], build(weights)(x)[0])
    ours, _ = write(weights, 'official-sparse', backbone_only=True)
    assert_same(ours, minkowski(weights))


@pytest.mark.parametrize('layout', ['official', 'official-sparse'])
def test_the_decoder_survives_and_reconstructs_the_same(weights, layout):
    def reconstruct(state):
        model = MODELS.build(
            dict(
                type='mmpretrain.FCMAE',
                backbone=dict(
                    type='ConvNeXtV2',
                    arch=dict(
                        depths=weights.depths, channels=weights.channels
                    ),
                ),
                neck=dict(type='FCMAEDecoder', in_channels=16, embed_dim=6),
                head=dict(type='FCMAEHead'),
            )
        )
        state = {
            k: v for k, v in state.items()
            if 'norm3' not in k and not k.startswith('head.')
        }  # fmt: skip
        model.load_state_dict(state)
        torch.manual_seed(0)
        return model.reconstruct(torch.randn(2, 3, 64, 96), some_mask())

    there, _ = write(weights, layout)
    assert torch.equal(
        reconstruct(read(there).state), reconstruct(weights.state)
    )


def test_detectors_and_segmentors_give_their_backbone(weights):
    state = {k: v for k, v in weights.state.items() if 'backbone' in k}
    heads = {
        'neck.lateral_convs.0.conv.weight': torch.zeros(2),
        'rpn_head.rpn_conv.weight': torch.zeros(2),
        'decode_head.conv_seg.weight': torch.zeros(2),
        'panoptic_head.query_embed.weight': torch.zeros(2),
        'encoder.layers.0.weight': torch.zeros(2),
    }
    read_weights = read({**state, **heads})
    assert_same(read_weights.state, state)
    assert sorted(read_weights.others) == sorted(heads)


def test_a_bare_backbone_is_read(weights):
    state = {
        k.removeprefix('backbone.'): v
        for k, v in weights.state.items()
        if k.startswith('backbone.')
    }
    assert set(read(state).state) == {f'backbone.{k}' for k in state}


def test_released_shapes_of_grn_are_read(weights):
    """(C), (1, C) and (1, 1, 1, C) are all in the wild."""
    state, _ = write(weights, 'official')
    for shape in ((-1,), (1, -1), (1, 1, 1, -1)):
        other = {
            k: v.reshape(shape) if '.grn.' in k else v
            for k, v in state.items()
        }
        assert_same(read(other).state, weights.state)


@pytest.mark.parametrize(
    'kind', ['FCMAEUNetDecoder', 'FCMAETransformerDecoder']
)
def test_decoders_of_the_ablations_are_other_parts(weights, kind):
    """Some of their names are those of FCMAE's own decoder."""
    channels = list(weights.channels)
    options = dict(
        FCMAEUNetDecoder=dict(in_channels=channels),
        FCMAETransformerDecoder=dict(
            in_channels=channels[-1], embed_dim=8, num_heads=2, depth=1
        ),
    )[kind]
    neck = MODELS.build(dict(type=f'mmpretrain.{kind}', **options))
    own = {k: v for k, v in weights.state.items() if 'neck.' not in k}
    others = {f'neck.{k}': v for k, v in neck.state_dict().items()}
    assert set(others) & set(weights.state)
    result = read({**own, **others})
    assert_same(result.state, own)
    assert set(result.others) == set(others)


@pytest.mark.parametrize('v1', [False, True])
def test_official_detectors_give_their_backbone(v1):
    """The released ones of ConvNeXt V1 put 'backbone.' before its names."""
    weights = make_weights('tiny', v1=v1, decoder=False, stages=True)
    state, _ = write(weights, 'official', backbone_only=True)
    state = {f'backbone.{k}': v for k, v in state.items()}
    heads = {'neck.lateral_convs.0.conv.weight': torch.zeros(2)}
    result = read({**state, **heads})
    assert result.layout == 'official'
    assert_same(result.state, weights.state)
    assert result.others == list(heads)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_distributed_models_are_read(weights, layout):
    state, _ = write(weights, layout)
    names = {f'module.{k}': v for k, v in state.items()}
    assert_same(read(names).state, read(state).state)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_stays_as_it_is(weights, dtype):
    state = {k: v.to(dtype) for k, v in weights.state.items()}
    there, _ = write(read(state), 'huggingface')
    assert {v.dtype for v in there.values()} == {dtype}
