"""Checkpoints of other models and training scripts are converted."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mmpretrain_plugin.checkpoint import FORMATS, to_state_dict, to_weights
from tests.helpers.small_models import some_mask
from tests.helpers.small_weights import assert_same, make_weights, weights_for


@pytest.mark.parametrize('source', ['official', 'official-sparse'])
def test_a_converted_decoder_reconstructs_the_same(weights, source):
    def reconstruct(weights):
        architecture = weights.architecture
        arch = dict(depths=architecture.depths, channels=architecture.channels)
        model = MODELS.build(
            dict(
                type='mmpretrain.FCMAE',
                backbone=dict(type='ConvNeXtV2', arch=arch),
                neck=dict(type='FCMAEDecoder', in_channels=16, embed_dim=6),
                head=dict(type='FCMAEHead'),
            )
        )
        state, _ = to_state_dict(weights, 'mmpretrain')
        parts = ('backbone.stages', 'backbone.downsample', 'neck')
        model.load_state_dict(
            {k: v for k, v in state.items() if k.startswith(parts)}
        )
        torch.manual_seed(0)
        return model.reconstruct(torch.randn(2, 3, 64, 96), some_mask())

    state, _ = to_state_dict(weights, source)
    assert torch.equal(reconstruct(to_weights(state)), reconstruct(weights))


def test_backbone_of_a_detector_or_segmentor():
    weights = make_weights(classifier=False, decoder=False)
    state, _ = to_state_dict(weights, 'mmpretrain')
    heads = {
        'neck.lateral_convs.0.conv.weight': torch.zeros(2),
        'rpn_head.rpn_conv.weight': torch.zeros(2),
        'decode_head.conv_seg.weight': torch.zeros(2),
        'panoptic_head.query_embed.weight': torch.zeros(2),
        'encoder.layers.0.weight': torch.zeros(2),
    }
    result = to_weights({**state, **heads})
    assert_same(result.by_name(), weights.by_name())
    assert sorted(result.others) == sorted(heads)


@pytest.mark.parametrize('v1', [False, True])
def test_backbone_of_an_official_detector(v1):
    """Detectors of the authors have 'backbone.' before official keys."""
    weights = make_weights(
        'tiny', v1=v1, norms=(0, 1, 2, 3), classifier=False, decoder=False
    )
    state, _ = to_state_dict(weights, 'official')
    state = {f'backbone.{key}': value for key, value in state.items()}
    heads = {'neck.lateral_convs.0.conv.weight': torch.zeros(2)}
    result = to_weights({**state, **heads})
    assert result.source_format == 'official'
    assert_same(result.by_name(), weights.by_name())
    assert result.others == list(heads)


def test_a_bare_backbone(weights):
    assert_same(to_weights(weights.backbone).backbone, weights.backbone)


@pytest.mark.parametrize('shape', [(-1,), (1, -1), (1, 1, 1, -1)])
def test_all_published_shapes_of_grn(weights, shape):
    state, _ = to_state_dict(weights, 'official')
    other = {
        key: value.reshape(shape) if '.grn.' in key else value
        for key, value in state.items()
    }
    assert_same(to_weights(other).by_name(), weights.by_name())


@pytest.mark.parametrize(
    'options',
    [
        dict(type='FCMAEUNetDecoder'),
        dict(type='FCMAETransformerDecoder', embed_dim=8, num_heads=2,
             depth=1),
    ],
)  # fmt: skip
def test_decoders_of_the_ablations_are_left_out(options):
    """They share some names with FCMAE's own decoder."""
    weights = make_weights(decoder=False)
    channels = list(weights.architecture.channels)
    if options['type'] == 'FCMAETransformerDecoder':
        channels = channels[-1]
    options = {**options, 'type': f'mmpretrain.{options["type"]}'}
    neck = MODELS.build(dict(in_channels=channels, **options))
    others = {f'neck.{k}': v for k, v in neck.state_dict().items()}
    assert 'neck.mask_token' in others
    state, _ = to_state_dict(weights, 'mmpretrain')
    result = to_weights({**state, **others})
    assert_same(result.by_name(), weights.by_name())
    assert set(result.others) == set(others)


@pytest.mark.parametrize('name', FORMATS)
def test_keys_of_distributed_training(name):
    state, _ = to_state_dict(weights_for(name), name)
    wrapped = {f'module.{key}': value for key, value in state.items()}
    assert_same(to_weights(wrapped).by_name(), to_weights(state).by_name())
