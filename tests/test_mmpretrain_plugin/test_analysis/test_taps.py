"""Features of blocks equal those of a forward pass written out."""

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS

from mmpretrain_plugin.analysis import collect_features, find_blocks, observe
from mmpretrain_plugin.analysis.taps import encode
from tests.helpers.small_models import ARCH, randomize, small_backbone

V1 = dict(use_grn=False, layer_scale_init_value=1.0)
VIT = dict(
    arch=dict(
        embed_dims=12, num_layers=3, num_heads=2, feedforward_channels=24
    ),
    img_size=32,
    patch_size=8,
)


def convnext_forward(backbone, x):
    """Compute the features of each block, (N, H W, channels), by tap."""
    features = []
    for down, stage in zip(backbone.downsample_layers, backbone.stages):
        for layer in down:
            if isinstance(layer, torch.nn.Conv2d):
                x = F.conv2d(x, layer.weight, layer.bias, layer.stride)
            else:
                x = layer_norm(x, layer)
        for block in stage:
            conv = block.depthwise_conv
            y = F.conv2d(
                x, conv.weight, conv.bias, padding=3, groups=x.shape[1]
            )
            y = layer_norm(y, block.norm).permute(0, 2, 3, 1)
            first, second = block.pointwise_conv1, block.pointwise_conv2
            y = F.gelu(y @ first.weight.T + first.bias)
            taps = {'activation': y}
            if hasattr(block.grn, 'gamma'):
                g = y.square().sum(dim=(1, 2), keepdim=True).sqrt()
                n = g / (g.mean(-1, keepdim=True) + 1e-6)
                y = block.grn.gamma * y * n + block.grn.beta + y
                taps['normalized'] = y
            y = y @ second.weight.T + second.bias
            if block.gamma is not None:
                y = y * block.gamma
            x = x + y.permute(0, 3, 1, 2)
            taps['output'] = x.permute(0, 2, 3, 1)
            features.append({t: f.flatten(1, 2) for t, f in taps.items()})
    return features


def layer_norm(x, norm):
    """Normalize (N, C, H, W) over channels."""
    x = x.permute(0, 2, 3, 1)
    x = F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, 1e-6)
    return x.permute(0, 3, 1, 2)


def assert_equal_features(got, expected):
    assert len(got) == len(expected)
    for one, other in zip(got, expected):
        assert list(one) == list(other)
        for tap in other:
            torch.testing.assert_close(one[tap], other[tap])


@pytest.mark.parametrize('options', [{}, V1, dict(with_cp=True)])
def test_our_backbone(options):
    backbone = small_backbone(**options).eval()
    images = torch.randn(2, 3, 64, 96).double()
    assert_equal_features(
        collect_features(backbone, images), convnext_forward(backbone, images)
    )


@MODELS.register_module(force=True)
class Halve(torch.nn.Module):
    """A layer in the place of GRN."""

    def __init__(self, channels):
        super().__init__()

    def forward(self, h, *layout):
        return h / 2


def test_the_layer_in_the_place_of_grn_is_tapped():
    backbone = small_backbone(grn_cfg=dict(type='Halve')).eval()
    for taps in collect_features(backbone, torch.randn(2, 3, 64, 64).double()):
        torch.testing.assert_close(taps['normalized'], taps['activation'] / 2)


@pytest.mark.parametrize('linear', [True, False])
def test_mmpretrains_convnext_with_our_weights(linear):
    """It computes with channels first between, or also inside, blocks."""
    ours = small_backbone().eval()
    arch = {name: list(value) for name, value in ARCH.items()}
    theirs = MODELS.build(
        dict(
            type='ConvNeXt', arch=arch, use_grn=True,
            layer_scale_init_value=0.0, linear_pw_conv=linear,
            gap_before_final_norm=False,
        )
    ).double()  # fmt: skip
    expected = theirs.state_dict()
    theirs.load_state_dict(
        {n: v.view_as(expected[n]) for n, v in ours.state_dict().items()}
    )
    theirs.eval()
    images = torch.randn(2, 3, 64, 96).double()
    assert_equal_features(
        collect_features(theirs, images), collect_features(ours, images)
    )


def vit_forward(vit, x):
    """Compute the features of a Transformer without its class token."""
    features = []
    x = vit.patch_embed(x)[0]
    x = torch.cat([vit.cls_token.expand(len(x), -1, -1), x], dim=1)
    x = x + vit.pos_embed
    for layer in vit.layers:
        x = x + layer.attn(layer.ln1(x))
        linear, output = layer.ffn.layers[0][0], layer.ffn.layers[1]
        y = F.gelu(layer.ln2(x) @ linear.weight.T + linear.bias)
        x = x + y @ output.weight.T + output.bias
        features.append({'activation': y[:, 1:], 'output': x[:, 1:]})
    return features


@pytest.mark.parametrize('kind', ['VisionTransformer', 'MAEViT'])
def test_vit(kind):
    """MAE's own backbone sees all patches here."""
    vit = randomize(MODELS.build(dict(type=kind, **VIT)))
    vit.eval()  # MMPretrain's returns None
    images = torch.randn(2, 3, 32, 32).double()
    assert_equal_features(
        collect_features(vit, images), vit_forward(vit, images)
    )


@pytest.mark.parametrize(
    ('config', 'widths'),
    [
        (
            dict(type='BEiTViT', out_type='avg_featmap',
                 use_abs_pos_emb=True, use_rel_pos_bias=False, **VIT),
            [(16, 24)] * 3,
        ),
        (
            dict(type='SwinTransformer', img_size=32, window_size=4,
                 arch=dict(embed_dims=8, depths=[1, 1], num_heads=[1, 2]),
                out_indices=(1,)),
            [(64, 32), (16, 64)],
        ),
    ],
)  # fmt: skip
def test_other_transformers_have_a_feature_per_position(config, widths):
    model = MODELS.build(config)
    model.eval()
    features = collect_features(model, torch.randn(2, 3, 32, 32))
    assert [tuple(f['activation'].shape[1:]) for f in features] == widths


def test_nothing_stays_behind():
    """Hooks are removed, after errors too."""
    backbone = small_backbone().eval()
    blocks = find_blocks(backbone)
    images = torch.randn(1, 3, 64, 64).double()
    expected = backbone(images)[0]
    calls = []

    def observer(index, tap, features):
        calls.append(tap)
        assert not features.requires_grad
        if len(calls) == 3:
            raise LookupError('stop')

    with pytest.raises(LookupError, match='stop'), observe(blocks, observer):
        encode(backbone, images)
    for module in backbone.modules():
        assert not module._forward_hooks
    torch.testing.assert_close(backbone(images)[0], expected, rtol=0, atol=0)
    assert len(calls) == 3


def test_an_unknown_backbone_is_an_error():
    resnet = MODELS.build(dict(type='ResNet', depth=18))
    with pytest.raises(ValueError, match='ResNet has no blocks .*ConvNeXt'):
        find_blocks(resnet)
