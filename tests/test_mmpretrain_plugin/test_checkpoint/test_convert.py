"""Every layout to every other and back, bit for bit."""

import itertools
import re

import pytest
import timm
import torch
import transformers
from mmpretrain.registry import MODELS
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import (
    LAYOUTS,
    ConversionError,
    Weights,
    adapt_stem,
    read,
    write,
)
from mmpretrain_plugin.checkpoint.convert import usual_name
from mmpretrain_plugin.models.backbones.convnext_v2 import ARCHITECTURES
from tests.small_models import some_mask, stir
from tests.test_configs.facts import SIZES

from .conftest import assert_same, make_weights


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


def build(weights):
    model = MODELS.build(
        dict(
            type='mmpretrain.ConvNeXtV2',
            arch=dict(depths=weights.depths, channels=weights.channels),
            gap_before_final_norm=False,
        )
    )
    model.remove_final_norm()
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


# The depths of huge, narrow: timm builds it from arguments.
TIMM = {
    'atto': 'convnextv2_atto',
    'tiny': 'convnextv2_tiny',
    'huge': dict(depths=(3, 3, 27, 3), dims=(16, 32, 48, 64), use_grn=True,
                 ls_init_value=None),
}  # fmt: skip


def timm_model(size):
    if isinstance(TIMM[size], str):
        return stir(timm.create_model(TIMM[size])).float().eval()
    model = timm.models.convnext.ConvNeXt(**TIMM[size])
    return stir(model).float().eval()


def classifier(weights):
    """Build mmpretrain's own classifier on our backbone."""
    model = MODELS.build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=dict(
                type='ConvNeXtV2',
                arch=dict(depths=weights.depths, channels=weights.channels),
            ),
            head=dict(
                type='LinearClsHead',
                num_classes=weights.state['head.fc.weight'].shape[0],
                in_channels=weights.channels[-1],
            ),
        )
    )
    model.load_state_dict(weights.state)
    return model.eval()


def scaled(model):
    """Keep responses of a stirred deep network within floats."""
    with torch.no_grad():
        for _name, value in model.named_parameters():
            if value.ndim > 1:
                value.mul_(0.2)
    return model


@pytest.mark.parametrize('size', TIMM)
def test_timms_model_computes_the_same_both_ways(size):
    theirs = scaled(timm_model(size))
    weights = read(theirs.state_dict())
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        ours = classifier(weights)
        assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
        state, dropped = write(weights, 'timm')
        assert not dropped
        other = timm_model(size)
        other.load_state_dict(state, strict=True)
        assert torch.equal(other(x), theirs(x))


def huggingface_model(kind, size, v1=False):
    depths = ARCHITECTURES[size][1]
    version = 'ConvNext' if v1 else 'ConvNextV2'
    config = getattr(transformers, f'{version}Config')(
        depths=list(depths), hidden_sizes=[16, 32, 48, 64], num_labels=7,
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
    )  # fmt: skip
    model = getattr(transformers, version + kind)(config)
    return scaled(stir(model).float()).eval()


@pytest.mark.parametrize('size', ['atto', 'tiny', 'huge'])
def test_transformers_classifier_computes_the_same_both_ways(size):
    theirs = huggingface_model('ForImageClassification', size)
    weights = read(theirs.state_dict())
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        wanted = theirs(x).logits
        assert_close(classifier(weights)(x), wanted, rtol=1e-5, atol=1e-5)
        state, dropped = write(weights, 'huggingface')
        assert not dropped
        assert_same(state, theirs.state_dict())
        other = huggingface_model('ForImageClassification', size)
        other.load_state_dict(state, strict=True)
        assert torch.equal(other(x).logits, wanted)


@pytest.mark.parametrize('v1', [False, True])
@pytest.mark.parametrize(
    'kind', ['Model', 'Backbone', 'ForImageClassification']
)
def test_transformers_classes_go_there_and_back(kind, v1):
    """V1 too, whose layer scale is called layer_scale_parameter."""
    theirs = huggingface_model(kind, 'tiny', v1).state_dict()
    weights = read(theirs)
    assert weights.layout == 'huggingface'
    state, dropped = write(weights, 'huggingface')
    assert not dropped
    assert_same(state, theirs)


def test_transformers_backbone_gives_our_maps():
    theirs = huggingface_model('Backbone', 'tiny')
    weights = read(theirs.state_dict())
    model = MODELS.build(
        dict(
            type='mmpretrain.ConvNeXtV2',
            arch=dict(depths=weights.depths, channels=weights.channels),
            out_indices=(0, 1, 2, 3),
            gap_before_final_norm=False,
        )
    )
    model.load_state_dict(
        {k.removeprefix('backbone.'): v for k, v in weights.state.items()}
    )
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        maps = zip(model.eval()(x), theirs(x).feature_maps)
        for ours, wanted in maps:
            assert_close(ours, wanted, rtol=1e-5, atol=1e-5)


def test_timms_feature_extractor_is_read_too():
    model = timm.create_model('convnextv2_atto', features_only=True)
    assert any(key.startswith('stem_0.') for key in model.state_dict())
    weights = read(model.state_dict())
    whole = timm.create_model('convnextv2_atto')
    state, _ = write(weights, 'timm')
    result = whole.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    assert all(key.startswith('head.') for key in result.missing_keys)


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


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_single_missing_key_is_refused(weights, layout):
    """By its name, whichever it is."""
    state, _ = write(weights, layout, backbone_only=True)
    for key in list(state):
        value = state.pop(key)
        name, _ = LAYOUTS[layout].to_ours(
            usual_name(key, LAYOUTS[layout]), value
        )
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


def test_numbers_in_names_are_bounded(weights):
    key = 'backbone.stages.0.300000.norm.weight'
    with pytest.raises(ConversionError, match='counts beyond its file'):
        read({**weights.state, key: torch.zeros(2)})


def test_distributed_models_are_read(weights):
    state = {f'module.{k}': v for k, v in weights.state.items()}
    assert_same(read(state).state, weights.state)


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


@pytest.mark.parametrize(
    ('value', 'message'),
    [(float('nan'), 'NaN or infinite'), (float('inf'), 'NaN or infinite')],
)
def test_broken_numbers_are_refused(weights, value, message):
    key = 'backbone.stages.0.0.norm.bias'
    weights.state[key] = torch.full_like(weights.state[key], value)
    with pytest.raises(ConversionError, match=f'{message}: {key}'):
        read(weights.state)


def test_integers_are_refused(weights):
    key = 'backbone.stages.0.0.norm.bias'
    weights.state[key] = weights.state[key].int()
    with pytest.raises(ConversionError, match='not floating-point'):
        read(weights.state)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_stays_as_it_is(weights, dtype):
    state = {k: v.to(dtype) for k, v in weights.state.items()}
    there, _ = write(read(state), 'huggingface')
    assert {v.dtype for v in there.values()} == {dtype}


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
