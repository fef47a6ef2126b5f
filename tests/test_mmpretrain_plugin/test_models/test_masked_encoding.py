"""Laws of encoding under a mask, for both encodings."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from tests.helpers.small_models import (
    ARCH,
    small_backbone,
    small_fcmae,
    some_mask,
)
from tests.reference import sparse_convnext

ALL_STAGES = (0, 1, 2, 3)


def as_arrays(module):
    return {k: v.detach().numpy() for k, v in module.state_dict().items()}


def images(batch=2, channels=3, height=64, width=96):
    return torch.randn(batch, channels, height, width, dtype=torch.float64)


@pytest.mark.parametrize(
    ('size', 'grid', 'channels'),
    [((64, 96), (2, 3), 3), ((64, 64), (1, 1), 4), ((128, 64), (2, 1), 1)],
)
def test_equals_the_reference(encoding, size, grid, channels):
    """Patches of 32 and 64, images that are not square, 1 to 4 channels."""
    backbone = small_backbone(out_indices=ALL_STAGES, in_channels=channels)
    x = images(2, channels, *size)
    mask = some_mask(2, grid, hidden=grid[0] * grid[1] // 2)
    outs = backbone(x, mask, encoding)
    for n in range(2):
        expected = sparse_convnext.encode(
            as_arrays(backbone), ARCH['depths'], x[n].numpy(), mask[n].numpy()
        )
        for out, reference in zip(outs, expected):
            assert_close(out[n].detach(), torch.from_numpy(reference))


def test_reconstruction_and_loss_equal_the_reference(encoding):
    model = small_fcmae(encoding=encoding)
    x, mask = images(), some_mask()
    prediction = model.reconstruct(x, mask).detach()
    errors = []
    for n in range(2):
        maps = sparse_convnext.encode(
            as_arrays(model.backbone),
            ARCH['depths'],
            x[n].numpy(),
            mask[n].numpy(),
        )
        expected = sparse_convnext.decode(
            as_arrays(model.neck), 1, maps[-1], mask[n].numpy()
        )
        assert_close(prediction[n], torch.from_numpy(expected))
        errors.append(
            sparse_convnext.loss(expected, x[n].numpy(), mask[n].numpy())
        )
    total, count = np.sum(errors, axis=0)
    loss = model.loss(x, mask=mask)['loss']
    assert_close(loss.item(), total / count)


def test_encodings_agree_in_outputs_and_gradients():
    backbone = small_backbone(out_indices=ALL_STAGES)
    mask = some_mask()
    results = {}
    for name in ('dense', 'packed'):
        torch.manual_seed(3)
        x = images().requires_grad_()
        outs = backbone(x, mask, name)
        backbone.zero_grad()
        sum((o * torch.randn_like(o)).sum() for o in outs).backward()
        gradients = {k: p.grad for k, p in backbone.named_parameters()
                     if not k.startswith('norm')}  # fmt: skip
        results[name] = outs, {**gradients, 'input': x.grad}
    assert_close(results['packed'], results['dense'])


def test_hidden_pixels_change_nothing_bit_for_bit(encoding):
    """Not even if they are NaN."""
    model = small_fcmae(encoding=encoding)
    model.backbone.out_indices = ALL_STAGES
    x, mask = images(), some_mask()
    hidden = mask.repeat_interleave(32, 1).repeat_interleave(32, 2)
    changed = torch.where(hidden[:, None], torch.nan, x)

    def run(pixels):
        model.zero_grad()
        prediction = model.reconstruct(pixels, mask)
        prediction.square().sum().backward()
        gradients = [p.grad for p in model.parameters()]
        return [*model.backbone(pixels, mask, encoding), prediction], gradients

    for one, other in zip(run(x), run(changed)):
        assert all(map(torch.equal, one, other))


def test_an_image_does_not_depend_on_the_rest_of_the_batch(encoding):
    backbone = small_backbone(out_indices=ALL_STAGES)
    x, mask = images(3), some_mask(3)
    together = backbone(x, mask, encoding)
    for n in range(3):
        alone = backbone(x[n : n + 1], mask[n : n + 1], encoding)
        for one, all_ in zip(alone, together):
            assert_close(one[0], all_[n])


def test_hidden_positions_stay_zero(encoding):
    backbone = small_backbone(out_indices=ALL_STAGES)
    mask = some_mask()
    for out in backbone(images(), mask, encoding):
        factor = out.shape[-1] // mask.shape[-1]
        hidden = mask.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
        positions = out.permute(0, 2, 3, 1)
        assert positions[hidden].eq(0).all()
        assert positions[~hidden].ne(0).any(dim=-1).all()


def test_nothing_hidden_equals_the_dense_backbone(encoding):
    backbone = small_backbone(out_indices=ALL_STAGES, final_norm=False)
    x = images()
    nothing = torch.zeros(2, 2, 3, dtype=torch.bool)
    assert_close(backbone(x, nothing, encoding), backbone(x))


def test_every_parameter_gets_a_gradient(encoding):
    model = small_fcmae(encoding=encoding)
    model.loss(images())['loss'].backward()
    missing = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.ne(0).any()
    ]
    assert not missing


@pytest.mark.parametrize('masked', [True, False])
def test_checkpointing_changes_nothing(encoding, masked):
    x, mask = images(), some_mask() if masked else None
    results = []
    for with_cp in (False, True):
        backbone = small_backbone(out_indices=ALL_STAGES, with_cp=with_cp)
        outs = backbone(x, mask, encoding)
        sum(o.square().sum() for o in outs).backward()
        results.append((outs, [p.grad for p in backbone.stages.parameters()]))
    assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize(
    ('patch_size', 'stem', 'stride'), [(64, 4, 32), (32, 2, 16)]
)
def test_patches_of_several_cells_keep_pixels_in_order(
    patch_size, stem, stride, encoding
):
    """If the block is the identity, pixels of a cell depend on it alone."""
    model = small_fcmae(
        patch_size=patch_size,
        encoding=encoding,
        backbone=dict(type='ConvNeXtV2', arch=ARCH, stem_patch_size=stem),
        neck=dict(
            type='FCMAEDecoder',
            in_channels=ARCH['channels'][-1],
            embed_dim=5,
            patch_size=patch_size,
            feature_stride=stride,
        ),
    )
    for parameter in model.neck.decoder.parameters():
        parameter.data.zero_()
    x = images(height=2 * patch_size, width=3 * patch_size)
    mask = some_mask()
    predicted = model.head.unpatchify(model.reconstruct(x, mask), (2, 3))
    feature = model.backbone(x, mask, encoding)[-1].detach().numpy()
    state = as_arrays(model.neck)
    proj, pred = (state[f'{k}.weight'][:, :, 0, 0] for k in ('proj', 'pred'))
    cells = patch_size // stride
    for n, r, c in np.ndindex(2, *feature.shape[2:]):
        token = proj @ feature[n, :, r, c] + state['proj.bias']
        if mask[n, r // cells, c // cells]:
            token = state['mask_token'][0, :, 0, 0]
        values = pred @ token + state['pred.bias']
        rows = slice(r * stride, (r + 1) * stride)
        columns = slice(c * stride, (c + 1) * stride)
        pixels = values.reshape(stride, stride, 3).transpose(2, 0, 1)
        assert_close(
            predicted[n, :, rows, columns].detach(),
            torch.from_numpy(pixels.copy()),
        )


@pytest.mark.parametrize(
    ('mask', 'words'),
    [
        (torch.zeros(2, 2, 3), 'must be bool'),
        (torch.zeros(2, 6, dtype=torch.bool), r'\(2, 6\)'),
        (torch.zeros(3, 2, 3, dtype=torch.bool), 'N = 2'),
        (torch.zeros(2, 2, 2, dtype=torch.bool), '2x2 patches.*64x96'),
        (torch.zeros(2, 4, 6, dtype=torch.bool), 'multiple of the stride 32'),
        (torch.zeros(2, 5, 6, dtype=torch.bool), '5x6 patches.*64x96'),
    ],
)
def test_wrong_masks_raise_errors(mask, words, encoding):
    with pytest.raises(ValueError, match=words):
        small_backbone()(images(), mask, encoding)


def test_unequal_counts_of_hidden_patches_need_the_dense_encoding():
    backbone, mask = small_backbone(), some_mask()
    mask[0] = False
    with pytest.raises(ValueError, match='got 3 to 6.*dense'):
        backbone(images(), mask, 'packed')
    backbone(images(), mask, 'dense')


def test_an_unknown_encoding_raises_an_error():
    with pytest.raises(ValueError, match="'sparse'.*packed.*dense"):
        small_backbone()(images(), some_mask(), 'sparse')


def test_autocast_keeps_both_encodings_close():
    backbone = small_backbone().float()
    x, mask = images().float(), some_mask()
    with torch.autocast('cpu', torch.bfloat16):
        packed, dense = (
            backbone(x, mask, e)[0].float() for e in ('packed', 'dense')
        )
    exact = backbone(x, mask)[0]
    assert_close(packed, exact, rtol=0.1, atol=0.1 * exact.std().item())
    assert_close(dense, exact, rtol=0.1, atol=0.1 * exact.std().item())
