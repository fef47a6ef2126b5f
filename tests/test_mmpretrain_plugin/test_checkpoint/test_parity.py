"""timm and transformers compute the same from converted weights."""

import pytest
import timm
import torch
import torchvision
import transformers
from mmpretrain.registry import MODELS
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import (
    to_state_dict,
    to_weights,
    verify,
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
    architecture = weights.architecture
    model = MODELS.build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=architecture.backbone_config(),
            head=dict(
                type='LinearClsHead',
                num_classes=weights.classifier['fc.weight'].shape[0],
                in_channels=architecture.channels[-1],
            ),
        )
    )
    model.load_state_dict(to_state_dict(weights, 'mmpretrain')[0])
    return model.eval()


def scaled(model):
    """Keep activations of deep random networks within the range of floats."""
    with torch.no_grad():
        for _name, value in model.named_parameters():
            if value.ndim > 1:
                value.mul_(0.2)
    return model


@pytest.mark.parametrize('size', TIMM)
def test_timm_models_compute_the_same_in_both_directions(size):
    theirs = scaled(timm_model(size))
    weights = to_weights(theirs.state_dict())
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        ours = classifier(weights)
        assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
        state, dropped = to_state_dict(weights, 'timm')
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
def test_transformers_classifiers_compute_the_same_in_both_directions(size):
    theirs = huggingface_model('ForImageClassification', size)
    weights = to_weights(theirs.state_dict())
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        wanted = theirs(x).logits
        assert_close(classifier(weights)(x), wanted, rtol=1e-5, atol=1e-5)
        state, dropped = to_state_dict(weights, 'huggingface')
        assert not dropped
        assert_same(state, theirs.state_dict())
        other = huggingface_model('ForImageClassification', size)
        other.load_state_dict(state, strict=True)
        assert torch.equal(other(x).logits, wanted)


@pytest.mark.parametrize('v1', [False, True])
@pytest.mark.parametrize(
    'kind', ['Model', 'Backbone', 'ForImageClassification']
)
def test_transformers_classes_convert_in_both_directions(kind, v1):
    """V1 too, whose layer scale is called layer_scale_parameter."""
    theirs = huggingface_model(kind, 'tiny', v1).state_dict()
    weights = to_weights(theirs)
    assert weights.source_format == 'huggingface'
    state, dropped = to_state_dict(weights, 'huggingface')
    assert not dropped
    assert_same(state, theirs)


def test_transformers_backbone_computes_the_same_feature_maps():
    theirs = huggingface_model('Backbone', 'tiny')
    weights = to_weights(theirs.state_dict())
    config = weights.architecture.backbone_config(
        out_indices=(0, 1, 2, 3), gap_before_final_norm=False
    )
    model = MODELS.build(config)
    model.load_state_dict(weights.backbone)
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        maps = zip(model.eval()(x), theirs(x).feature_maps)
        for ours, wanted in maps:
            assert_close(ours, wanted, rtol=1e-5, atol=1e-5)


def dinov3_model():
    config = transformers.DINOv3ConvNextConfig(
        depths=[2, 1, 3, 1], hidden_sizes=[16, 24, 32, 48]
    )
    model = transformers.DINOv3ConvNextModel(config)
    return scaled(randomize(model).float()).eval()


def maps_of(weights, x):
    """Compute the raw maps of all stages with our backbone."""
    config = weights.architecture.backbone_config(
        out_indices=(0, 1, 2, 3),
        gap_before_final_norm=False,
        final_norm=False,
    )
    model = MODELS.build(config).eval()
    body = {k: v for k, v in weights.backbone.items() if 'norm3' not in k}
    model.load_state_dict(body)
    return model(x)


def test_dinov3_of_transformers_computes_the_same_in_both_directions():
    theirs = dinov3_model()
    state = theirs.state_dict()
    weights = to_weights(state)
    assert weights.source_format == 'huggingface-dinov3'
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        wanted = theirs(x, output_hidden_states=True)
        ours = maps_of(weights, x)
        for one, other in zip(ours, wanted.hidden_states[1:], strict=True):
            assert_close(one, other, rtol=1e-5, atol=1e-5)
        model = MODELS.build(weights.architecture.backbone_config()).eval()
        model.load_state_dict(weights.backbone)
        assert_close(model(x)[0], wanted.pooler_output, rtol=1e-5, atol=1e-5)
    back, dropped = to_state_dict(weights, 'huggingface-dinov3')
    assert not dropped
    assert_same(back, state)


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_dinov3_of_transformers_5_is_read(prefix):
    """There the stages are in an attribute 'model'; UperNet has a backbone."""
    state = dinov3_model().state_dict()
    five = {
        prefix + ('model.' * key.startswith('stages.')) + key: value
        for key, value in state.items()
    }
    weights = to_weights({**five, 'decode_head.bias': torch.zeros(1)} if prefix
                         else five)  # fmt: skip
    assert_same(to_state_dict(weights, 'huggingface-dinov3')[0], state)


def torchvision_model():
    config = torchvision.models.convnext.CNBlockConfig
    widths, depths = (16, 24, 32, 48, None), (2, 1, 3, 1)
    model = torchvision.models.ConvNeXt(
        [config(*widths[i : i + 2], depth) for i, depth in enumerate(depths)],
        num_classes=7,
    )
    return scaled(randomize(model).float()).eval()


def test_torchvision_computes_the_same_in_both_directions():
    theirs = torchvision_model()
    weights = to_weights(theirs.state_dict())
    assert weights.source_format == 'torchvision'
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        assert_close(classifier(weights)(x), theirs(x), rtol=1e-5, atol=1e-5)
    state, dropped = to_state_dict(weights, 'torchvision')
    assert not dropped
    assert_same(state, theirs.state_dict())


@pytest.mark.parametrize('size', ['tiny', 'small', 'base', 'large'])
def test_the_sizes_of_torchvision_have_the_same_names(size):
    with torch.device('meta'):
        state = getattr(torchvision.models, f'convnext_{size}')().state_dict()
    state = {key: torch.zeros(value.shape) for key, value in state.items()}
    weights = to_weights(state)
    width, depths = ARCHITECTURES[size]
    assert weights.architecture.depths == depths
    assert weights.architecture.channels == tuple(
        width * 2**i for i in range(4)
    )
    assert not weights.architecture.use_grn


@pytest.mark.parametrize('version', ['ConvNext', 'ConvNextV2'])
def test_upernet_of_transformers_gives_its_backbone(version):
    backbone = getattr(transformers, f'{version}Config')(
        depths=[1, 1, 2, 1], hidden_sizes=[16, 24, 32, 48],
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
    )  # fmt: skip
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=16, num_labels=3,
        auxiliary_in_channels=32, auxiliary_channels=16,
    )  # fmt: skip
    model = transformers.UperNetForSemanticSegmentation(config)
    weights = to_weights(randomize(model).float().state_dict())
    assert weights.source_format == 'huggingface'
    assert weights.others
    assert {k.split('.')[0] for k in weights.others} == {
        'decode_head', 'auxiliary_head'
    }  # fmt: skip
    state, dropped = to_state_dict(weights, 'huggingface')
    assert not dropped
    assert_same(state, model.backbone.state_dict())
    assert 'of transformers and transformers)' in verify(
        model.state_dict(), state
    )


def test_timm_feature_extractor_is_converted():
    model = timm.create_model('convnextv2_atto', features_only=True)
    assert any(key.startswith('stem_0.') for key in model.state_dict())
    weights = to_weights(model.state_dict())
    model = timm.create_model('convnextv2_atto')
    state, _ = to_state_dict(weights, 'timm')
    result = model.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    assert all(key.startswith('head.') for key in result.missing_keys)
