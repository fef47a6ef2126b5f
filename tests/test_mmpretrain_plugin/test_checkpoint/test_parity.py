"""timm and transformers compute the same from converted weights."""

import pytest
import timm
import torch
import transformers
from mmpretrain.registry import MODELS
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import (
    read,
    write,
)
from mmpretrain_plugin.models.backbones.convnext_v2 import ARCHITECTURES
from tests.helpers.small_models import randomize
from tests.helpers.small_weights import assert_same

# The depths of huge, narrow: timm builds it from arguments.
TIMM = {
    'atto': 'convnextv2_atto',
    'tiny': 'convnextv2_tiny',
    'huge': dict(depths=(3, 3, 27, 3), dims=(16, 32, 48, 64), use_grn=True,
                 ls_init_value=None),
}  # fmt: skip


def timm_model(size):
    if isinstance(TIMM[size], str):
        return randomize(timm.create_model(TIMM[size])).float().eval()
    model = timm.models.convnext.ConvNeXt(**TIMM[size])
    return randomize(model).float().eval()


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
    width, depths = ARCHITECTURES[size]
    width = 16 if size == 'huge' else width  # the depths of huge, narrow
    version = 'ConvNext' if v1 else 'ConvNextV2'
    config = getattr(transformers, f'{version}Config')(
        depths=list(depths), num_labels=7,
        hidden_sizes=[width * 2**i for i in range(4)],
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
    )  # fmt: skip
    model = getattr(transformers, version + kind)(config)
    return scaled(randomize(model).float()).eval()


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
