"""The dense backbone equals those of MMPretrain and timm."""

import re

import pytest
import timm
import torch
from mmcv.ops import RoIAlign
from mmpretrain.registry import MODELS
from timm.models.convnext import ConvNeXt as TimmConvNeXt
from torch import nn
from torch.testing import assert_close
from torchvision.ops import roi_align

from tests.helpers.small_models import ARCH, randomize, small_backbone

# Table 14 of the paper, with the classifier of 1000 classes.
PARAMETERS = {
    'atto': '3.7M',
    'femto': '5.2M',
    'pico': '9.1M',
    'nano': '15.6M',
    'tiny': '28.6M',
    'base': '89M',
    'large': '198M',
    'huge': '660M',
}


def mmpretrain_backbone(**options):
    return MODELS.build(dict(type='ConvNeXt', **options)).double()


@pytest.mark.parametrize('gap', [True, False])
@pytest.mark.parametrize(
    'version',
    [
        dict(use_grn=True, layer_scale_init_value=0.0),
        dict(use_grn=False, layer_scale_init_value=1e-6),
    ],
    ids=['v2', 'v1'],
)
def test_equals_mmpretrain(gap, version):
    """Weights load strictly in both directions; outputs are the same."""
    ours = small_backbone(
        out_indices=(1, 3), gap_before_final_norm=gap, **version
    )
    theirs = mmpretrain_backbone(
        arch=ARCH, out_indices=[1, 3], gap_before_final_norm=gap, **version
    )
    theirs.load_state_dict(ours.state_dict(), strict=True)
    x = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    theirs.train(False)
    assert_close(ours.eval()(x), theirs(x))
    ours.load_state_dict(theirs.state_dict(), strict=True)


TO_TIMM = (
    (r'downsample_layers\.0', 'stem'),
    (r'downsample_layers\.(\d)', r'stages.\1.downsample'),
    (r'stages\.(\d)\.(\d+)\.', r'stages.\1.blocks.\2.'),
    ('depthwise_conv', 'conv_dw'),
    ('pointwise_conv1', 'mlp.fc1'),
    ('pointwise_conv2', 'mlp.fc2'),
    (r'grn\.gamma', 'mlp.grn.weight'),
    (r'grn\.beta', 'mlp.grn.bias'),
    ('norm3', 'head.norm'),
)


def load_into_timm(model, backbone):
    shapes = {k: v.shape for k, v in model.state_dict().items()}
    state = {}
    for key, value in backbone.state_dict().items():
        for pattern, name in TO_TIMM:
            # 'stages.1.blocks' must not match our 'stages.1.0'
            key = re.sub(rf'^{pattern}|(?<=\.){pattern}', name, key, count=1)
        state[key] = value.reshape(shapes[key])
    model.load_state_dict(state, strict=True)


@pytest.mark.parametrize('name', ['atto', 'tiny'])
def test_equals_timm(name):
    ours = randomize(MODELS.build(dict(type='ConvNeXtV2', arch=name)))
    theirs = timm.create_model(f'convnextv2_{name}', num_classes=0).double()
    load_into_timm(theirs.eval(), ours.eval())
    x = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        # Deep random networks amplify the rounding of sums: relative error.
        assert_close(ours(x)[0], theirs(x), rtol=1e-7, atol=1e-7)


def test_equals_timm_at_the_depths_of_huge():
    """With few channels."""
    arch = dict(depths=(3, 3, 27, 3), channels=(4, 8, 12, 16))
    ours = randomize(MODELS.build(dict(type='ConvNeXtV2', arch=arch)))
    theirs = TimmConvNeXt(
        depths=arch['depths'],
        dims=arch['channels'],
        use_grn=True,
        ls_init_value=None,
        num_classes=0,
    ).double()
    load_into_timm(theirs, ours)
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    assert_close(ours(x)[0], theirs(x), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize('name', PARAMETERS)
def test_parameter_counts_equal_the_papers(name):
    """At the precision that the paper prints, without allocating memory."""
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='ConvNeXtV2', arch=name))
        head = nn.Linear(backbone.channels[-1], 1000)
    count = sum(p.numel() for m in (backbone, head) for p in m.parameters())
    printed = PARAMETERS[name]
    digits = 1 if '.' in printed else 0
    if name == 'huge':  # printed to two digits
        assert round(count / 1e7) * 10 == 660
    else:
        assert f'{count / 1e6:.{digits}f}M' == printed


def test_feature_maps_are_contiguous_for_roi_align():
    """MMCV's RoIAlign returns wrong values for channels-last maps."""
    feature = small_backbone(out_indices=(0,)).float()(
        torch.randn(2, 3, 64, 64)
    )
    boxes = torch.tensor([[0, 3.0, 4, 50, 61], [1, 10, 10, 40, 30]])
    assert_close(
        RoIAlign(7, 0.25, 0, aligned=True)(feature[0], boxes),
        roi_align(feature[0], boxes, 7, 0.25, 0, aligned=True),
    )


def test_drop_path_grows_linearly():
    backbone = small_backbone(drop_path_rate=0.4)
    rates = [b.drop_path.drop_prob for s in backbone.stages for b in s]
    assert_close(rates, [0.0, 0.1, 0.2, 0.3, 0.4])


def test_the_final_norm_is_optional():
    """Without it outputs are those of a norm that changes nothing."""
    options = dict(out_indices=(1, 3), gap_before_final_norm=False)
    backbone, plain = (
        small_backbone(final_norm=norm, **options) for norm in (True, False)
    )
    norms = {n for n in backbone.state_dict() if n.startswith('norm')}
    assert norms == {
        f'norm{i}.{p}' for i in (1, 3) for p in ('weight', 'bias')
    }
    assert backbone.state_dict().keys() - norms == plain.state_dict().keys()
    plain.load_state_dict(
        {k: v for k, v in backbone.state_dict().items() if k not in norms}
    )
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for i, raw, y in zip((1, 3), plain(x), backbone(x)):
        norm = getattr(backbone, f'norm{i}')
        assert_close(norm(raw.permute(0, 2, 3, 1)), y.permute(0, 2, 3, 1))


def test_frozen_stages_stay_frozen_in_training():
    backbone = small_backbone(frozen_stages=2)
    assert backbone.train() is backbone
    trained = {n for n, p in backbone.named_parameters() if p.requires_grad}
    frozen = {n for n, p in backbone.named_parameters()} - trained
    assert {n.split('.')[1] for n in frozen} == {'0', '1'}
    assert not backbone.stages[1].training
    assert backbone.stages[2].training


def test_the_initialization_is_the_papers():
    """Weights have deviation 0.02; biases and GRN are 0, norms 1."""
    backbone = MODELS.build(dict(type='ConvNeXtV2', arch=ARCH))
    backbone.init_weights()
    for name, parameter in backbone.named_parameters():
        if parameter.ndim > 1:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.3)
        else:
            is_scale = name.split('.')[-1] == 'weight'
            assert parameter.eq(1 if is_scale else 0).all(), name


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(arch='mini'), "'mini'.*atto.*huge"),
        (dict(arch=dict(depths=[1])), "'depths' and 'channels'"),
        (dict(arch=dict(depths=[1, 1], channels=[4])), r'\(1, 1\)'),
        (dict(arch=None), "'depths' and 'channels', got None"),
        (dict(out_indices=(4,)), r'\(4,\).*\[-4, 3\]'),
        (dict(out_indices=(3, -1)), r'\(3, -1\) must be different'),
        (dict(frozen_stages=5), r'5.*\[0, 4\]'),
    ],
)
def test_wrong_arguments_raise_errors(options, words):
    with pytest.raises(ValueError, match=words):
        small_backbone(**options)


def test_a_wrong_number_of_channels_raises_an_error():
    with pytest.raises(ValueError, match=r'\(N, 3, H, W\).*\(1, 4, 64, 64\)'):
        small_backbone()(torch.zeros(1, 4, 64, 64, dtype=torch.float64))
