"""Layers in the place of GRN: their definitions, and laws under a mask."""

import copy
import functools

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.testing import assert_close

from mmpretrain_plugin.models import VisibleBatchNorm
from mmpretrain_plugin.models.layouts import DenseLayout, PackedLayout
from tests.helpers.small_models import (
    ARCH,
    randomize,
    small_backbone,
    small_fcmae,
    some_mask,
)
from tests.reference import normalization, sparse_convnext

ALL_STAGES = (0, 1, 2, 3)
# Configs, and definitions for one image in evaluation mode.
LAYERS = {
    'layer-norm': (dict(type='ChannelLayerNorm'), normalization.layer_norm),
    'batch-norm': (dict(type='VisibleBatchNorm'), normalization.batch_norm),
    'lrn': (
        dict(type='LocalResponseNorm'), normalization.local_response_norm,
    ),
    'se': (
        dict(type='SqueezeExcitation', reduction=4),
        normalization.squeeze_excitation,
    ),
    'cbam': (dict(type='CBAM', reduction=4), normalization.cbam),
    'grn-average': (
        dict(type='GRNVariant', aggregation='average'),
        normalization.average_grn,
    ),
}  # fmt: skip
PER_IMAGE = [name for name in LAYERS if name != 'batch-norm']
all_layers = pytest.mark.parametrize('name', LAYERS)


def backbone_with(name, **options):
    backbone = small_backbone(
        grn_cfg=LAYERS[name][0], out_indices=ALL_STAGES, **options
    )
    return randomize_statistics(backbone)


def randomize_statistics(model):
    for module in model.modules():
        if isinstance(module, VisibleBatchNorm):
            channels = len(module.running_mean)
            module.running_mean.copy_(torch.linspace(-0.1, 0.3, channels))
            module.running_var.copy_(torch.linspace(0.05, 0.5, channels))
    return model


def images(batch=2, height=64, width=96):
    return torch.randn(batch, 3, height, width, dtype=torch.float64)


def as_arrays(module):
    return {k: v.detach().numpy() for k, v in module.state_dict().items()}


def hidden_pixels(mask):
    return mask.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None]


@all_layers
def test_the_encoder_equals_the_reference(name, encoding):
    backbone = backbone_with(name).eval()
    x, mask = images(), some_mask()
    outs = backbone(x, mask, encoding)
    for n in range(2):
        expected = sparse_convnext.encode(
            as_arrays(backbone),
            ARCH['depths'],
            x[n].numpy(),
            mask[n].numpy(),
            LAYERS[name][1],
        )
        for out, reference in zip(outs, expected):
            assert_close(out[n].detach(), torch.from_numpy(reference))


@all_layers
def test_encodings_agree_in_training(name):
    """In outputs, gradients and running statistics."""
    mask, results = some_mask(), {}
    for encoding in ('dense', 'packed'):
        backbone = backbone_with(name)
        torch.manual_seed(3)
        x = images().requires_grad_()
        outs = backbone(x, mask, encoding)
        sum((o * torch.randn_like(o)).sum() for o in outs).backward()
        gradients = {k: p.grad for k, p in backbone.named_parameters()
                     if not k.startswith('norm')}  # fmt: skip
        results[encoding] = (
            outs, {**gradients, 'input': x.grad}, backbone.state_dict(),
        )  # fmt: skip
    assert_close(results['packed'], results['dense'])


@all_layers
def test_hidden_pixels_change_nothing_bit_for_bit(name, encoding):
    """Not even if they are NaN, nor any running statistic."""
    model = small_fcmae(
        encoding=encoding,
        backbone=dict(type='ConvNeXtV2', arch=ARCH, grn_cfg=LAYERS[name][0]),
    )
    x, mask = images(), some_mask()
    changed = torch.where(hidden_pixels(mask), torch.nan, x)

    def run(pixels):
        fresh = copy.deepcopy(model)
        prediction = fresh.reconstruct(pixels, mask)
        prediction.square().sum().backward()
        gradients = [p.grad for p in fresh.parameters()]
        return [prediction, *gradients, *fresh.buffers()]

    assert all(map(torch.equal, run(x), run(changed)))


@all_layers
def test_hidden_positions_stay_zero(name, encoding):
    mask = some_mask()
    for out in backbone_with(name)(images(), mask, encoding):
        factor = out.shape[-1] // mask.shape[-1]
        hidden = mask.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
        assert out.permute(0, 2, 3, 1)[hidden].eq(0).all()


@pytest.mark.parametrize('name', PER_IMAGE)
def test_an_image_does_not_depend_on_the_rest_of_the_batch(name, encoding):
    backbone, x, mask = backbone_with(name), images(3), some_mask(3)
    together = backbone(x, mask, encoding)
    for n in range(3):
        alone = backbone(x[n : n + 1], mask[n : n + 1], encoding)
        for one, all_ in zip(alone, together):
            assert_close(one[0], all_[n])


def test_with_batch_norm_it_does_in_training_only(encoding):
    backbone, x, mask = backbone_with('batch-norm'), images(2), some_mask(2)
    for training in (True, False):
        backbone.train(training)
        both = backbone(x, mask, encoding)[-1][0]
        alone = backbone(x[:1], mask[:1], encoding)[-1][0]
        assert torch.allclose(both, alone) != training


@all_layers
def test_nothing_hidden_equals_no_mask(name, encoding):
    backbone = backbone_with(name, final_norm=False)
    x = images()
    nothing = torch.zeros(2, 2, 3, dtype=torch.bool)
    assert_close(backbone(x, nothing, encoding), backbone(x))


@all_layers
def test_every_parameter_gets_a_gradient(name, encoding):
    model = small_fcmae(
        encoding=encoding,
        backbone=dict(type='ConvNeXtV2', arch=ARCH, grn_cfg=LAYERS[name][0]),
    )
    model.loss(images())['loss'].backward()
    missing = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.ne(0).any()
    ]
    assert not missing


@all_layers
def test_checkpointing_changes_nothing(name, encoding):
    x, mask = images(), some_mask()
    results = []
    for with_cp in (False, True):
        backbone = backbone_with(name, with_cp=with_cp)
        outs = backbone(x, mask, encoding)
        sum(o.square().sum() for o in outs).backward()
        results.append((outs, [p.grad for p in backbone.stages.parameters()]))
    assert_close(*results, rtol=0, atol=0)


@all_layers
def test_half_precision_stays_close(name, encoding):
    backbone = backbone_with(name).float()
    x, mask = images().float(), some_mask()
    exact = backbone(x, mask, encoding)[-1]
    with torch.autocast('cpu', torch.bfloat16):
        out = backbone(x, mask, encoding)[-1]
    tolerance = 0.15 * exact.std().item()
    assert_close(out.float(), exact, rtol=0.1, atol=tolerance)


@all_layers
def test_the_type_of_features_is_kept(name):
    layer = MODELS.build({**LAYERS[name][0], 'channels': 8})
    for dtype in (torch.bfloat16, torch.float64):
        h = torch.randn(2, 4, 6, 8, dtype=dtype)
        assert layer.to(dtype)(h, DenseLayout()).dtype == dtype


@pytest.mark.parametrize('name', PER_IMAGE)
def test_an_image_without_visible_positions_is_finite(name):
    """The dense encoding allows it."""
    backbone, x, mask = backbone_with(name), images(), some_mask()
    mask[1] = True
    x.requires_grad_()
    outs = backbone(x, mask, 'dense')
    sum(o.sum() for o in outs).backward()
    assert all(o[1].eq(0).all() for o in outs)
    gradients = [p.grad for p in backbone.stages.parameters()]
    assert all(torch.isfinite(g).all() for g in [x.grad, *gradients])


def batch_positions(h, mask):
    """Return the visible vectors of a dense map as a dict."""
    return {
        (n, r, c): h[n, r, c].numpy()
        for n, r, c in np.ndindex(*h.shape[:3])
        if not mask[n, r * mask.shape[1] // h.shape[1],
                    c * mask.shape[2] // h.shape[2]]
    }  # fmt: skip


def test_batch_norm_uses_the_visible_positions_of_the_batch():
    """Compared with a loop over them, and in its running statistics."""
    layer = randomize(VisibleBatchNorm(5, momentum=0.25))
    mask = some_mask()
    h = torch.randn(2, 4, 6, 5, dtype=torch.float64)
    layout = DenseLayout(mask)
    out = layer(layout.hide(h), layout).detach()
    positions = batch_positions(h, mask)
    mean, variance = normalization.batch_statistics(positions)
    expected = normalization.batch_norm(
        positions,
        lambda name: as_arrays(layer)[name],
        (mean, variance),
    )
    for (n, r, c), value in expected.items():
        assert_close(out[n, r, c], torch.from_numpy(value))
    count = len(positions)
    unbiased = variance * count / (count - 1)
    assert_close(layer.running_mean, torch.from_numpy(0.25 * mean))
    assert_close(layer.running_var, torch.from_numpy(0.75 + 0.25 * unbiased))


@pytest.mark.parametrize('training', [True, False])
def test_batch_norm_equals_pytorchs_on_visible_positions(training):
    """Three steps of a packed map, which has no other positions."""
    ours = randomize(VisibleBatchNorm(5))
    theirs = nn.BatchNorm1d(5).double()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    layout = PackedLayout(some_mask(), torch.device('cpu'))
    for _ in range(3):
        h = torch.randn(2, 3, 4, 5, dtype=torch.float64)
        ours.train(), theirs.train()
        ours(h, layout), theirs(h.flatten(0, 2))
    ours.train(training), theirs.train(training)
    expected = theirs(h.flatten(0, 2)).view_as(h)
    assert_close(ours(h, layout), expected)
    assert_close(ours.running_var, theirs.running_var)
    assert_close(ours.running_mean, theirs.running_mean)


def test_zeros_of_visible_positions_count():
    """A visible position may be zero in all channels."""
    layer = MODELS.build(
        dict(type='GRNVariant', channels=2, aggregation='average',
             normalization=None, affine=False, residual=False)
    )  # fmt: skip
    h = torch.tensor([[[[1.0, 2.0], [0, 0]], [[0, 0], [3, 4]]]])
    assert_close(layer(h, DenseLayout()), h * torch.tensor([1.0, 1.5]))


@pytest.mark.parametrize('kind', ['SqueezeExcitation', 'CBAM'])
@pytest.mark.parametrize('reduction', [0, 9])
def test_a_wrong_reduction_is_an_error(kind, reduction):
    with pytest.raises(ValueError, match=r'reduction must be in \[1, 8\]'):
        MODELS.build(dict(type=kind, channels=8, reduction=reduction))


def test_local_response_norm_does_not_overflow_in_fp16():
    layer = MODELS.build(dict(type='LocalResponseNorm', channels=8))
    h = torch.full((1, 2, 2, 8), 600.0, dtype=torch.float16)
    wide = layer(h.double(), DenseLayout())
    out = layer(h, DenseLayout())
    assert_close(out.double(), wide, rtol=2e-3, atol=0)


def test_a_convolution_to_one_channel_is_two_and_a_sum():
    """What CBAM computes, against the convolution of its paper."""
    cbam = randomize(MODELS.build(dict(type='CBAM', channels=16)))
    x = torch.randn(2, 2, 9, 10, dtype=torch.float64)
    plain = nn.Conv2d(2, 1, 7, padding=3).double()
    plain.weight.data = cbam.spatial_conv.weight.data.transpose(0, 1)
    plain.bias.data = cbam.spatial_conv.bias.data.sum(0, keepdim=True)
    assert_close(cbam.spatial_conv(x).sum(1, keepdim=True), plain(x))


@functools.cache
def parameters_of(name):
    options = {} if name == 'grn' else dict(grn_cfg=LAYERS[name][0])
    backbone = small_backbone(**options)
    return sum(p.numel() for p in backbone.parameters())


def test_only_attention_adds_parameters():
    assert parameters_of('layer-norm') == parameters_of('grn')
    assert parameters_of('batch-norm') == parameters_of('grn')
    assert parameters_of('lrn') < parameters_of('grn')
    assert parameters_of('se') > parameters_of('grn')
