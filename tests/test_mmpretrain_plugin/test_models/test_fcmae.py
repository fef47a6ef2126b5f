"""The decoder, the head and FCMAE itself."""

import pytest
import torch
from mmpretrain.models.heads import MAEPretrainHead
from mmpretrain.registry import MODELS
from torch.testing import assert_close

from tests.helpers.small_models import ARCH, small_backbone, small_fcmae


def images(channels=3, height=64, width=96):
    return torch.randn(2, channels, height, width, dtype=torch.float64)


def head(**options):
    return MODELS.build(dict(type='FCMAEHead', **options))


def test_patchify_has_the_order_row_column_channel():
    x = images()
    patches = head().patchify(x)
    assert patches.shape == (2, 6, 32 * 32 * 3)
    patch = patches[1, 4].view(32, 32, 3)
    assert_close(patch, x[1, :, 32:64, 32:64].permute(1, 2, 0))
    assert_close(head().unpatchify(patches, (2, 3)), x)


@pytest.mark.parametrize('norm_pix', [True, False])
def test_target_and_loss_equal_those_of_mmpretrains_mae(norm_pix):
    theirs = MAEPretrainHead(
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
        norm_pix=norm_pix,
        patch_size=32,
    )
    ours, x = head(norm_pix=norm_pix), images(height=96)
    prediction = torch.randn(2, 9, 32 * 32 * 3, dtype=torch.float64)
    mask = torch.rand(2, 3, 3) < 0.5
    assert_close(ours.target(x), theirs.construct_target(x))
    expected = theirs.loss(prediction, x, mask.flatten(1).double())
    assert_close(ours.loss(prediction, x, mask), expected)


def test_the_loss_of_predicting_zero_is_about_one():
    """With the unbiased variance (n - 1) / n for n values per patch."""
    x, mask = images(), torch.ones(2, 2, 3, dtype=torch.bool)
    n = 32 * 32 * 3
    zero = torch.zeros(2, 6, n, dtype=torch.float64)
    loss = head().loss(zero, x, mask).item()
    assert loss == pytest.approx((n - 1) / n, rel=1e-5)


def test_a_perfect_prediction_has_no_loss_and_restores_the_image():
    ours, x = head(), images() * 40 + 100
    mask = torch.ones(2, 2, 3, dtype=torch.bool)
    perfect = ours.target(x)
    assert ours.loss(perfect, x, mask).item() == 0
    assert_close(ours.restore(perfect, x), x)


def test_visible_patches_do_not_enter_the_loss():
    ours, x = head(), images()
    mask = torch.zeros(2, 2, 3, dtype=torch.bool)
    mask[:, 0, 1] = True
    prediction = torch.randn(2, 6, 3072, dtype=torch.float64)
    other = torch.randn_like(prediction)
    other[:, 1] = prediction[:, 1]
    losses = [ours.loss(p, x, mask) for p in (prediction, other)]
    assert torch.equal(*losses)


@pytest.mark.parametrize('channels', [1, 4, 12])
def test_other_channel_counts_train(channels, encoding):
    model = small_fcmae(in_channels=channels, encoding=encoding)
    x = images(channels)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    mask = model.random_mask(x)
    losses = []
    for _ in range(3):
        loss = model.loss(x, mask=mask)['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > losses[1] > losses[2]


def test_a_given_mask_makes_the_loss_deterministic():
    model, x = small_fcmae(), images()
    mask = model.random_mask(x, torch.Generator().manual_seed(0))
    first, second = (model.loss(x, mask=mask)['loss'] for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, model.loss(x)['loss'])


def test_pretraining_leaves_no_state_in_the_backbone():
    """No mask is stored, and pre-training has no final norm."""
    model, x = small_fcmae(), images()
    before = model.extract_feat(x)
    model.loss(x)['loss'].backward()
    assert_close(model.extract_feat(x), before)
    names = {name.split('.')[0] for name in model.backbone.state_dict()}
    assert names == {'downsample_layers', 'stages'}


def test_a_config_may_choose_the_final_norm():
    """FCMAE sets a default in a copy, and never in the user's config."""
    backbone = dict(type='ConvNeXtV2', arch=ARCH)
    model = small_fcmae(backbone=backbone)
    assert backbone == dict(type='ConvNeXtV2', arch=ARCH)
    assert not hasattr(model.backbone, 'norm3')
    model = small_fcmae(backbone=dict(backbone, final_norm=True))
    assert model.backbone.norm3.weight.shape == (10,)


@pytest.mark.parametrize('decoder', ['', 'UNet', 'Transformer'])
def test_models_build_on_the_meta_device(decoder):
    """Which shows the architecture without memory for its weights."""
    every = decoder == 'UNet'
    channels = [*ARCH['channels']] if every else ARCH['channels'][-1]
    neck = dict(type=f'FCMAE{decoder}Decoder', in_channels=channels)
    backbone = dict(type='ConvNeXtV2', arch=ARCH)
    with torch.device('meta'):
        modules = MODELS.build(neck), MODELS.build(backbone)
    for module in modules:
        assert all(p.is_meta for p in module.state_dict().values())


def test_init_weights_initializes_the_mask_token():
    model = MODELS.build(
        dict(
            type='FCMAE',
            backbone=dict(type='ConvNeXtV2', arch=ARCH),
            neck=dict(type='FCMAEDecoder', in_channels=10),
            head=dict(type='FCMAEHead'),
        )
    )
    model.init_weights()
    token = model.neck.mask_token
    assert token.std().item() == pytest.approx(0.02, rel=0.2)
    assert model.neck.pred.weight.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(mask_ratio=1.0), 'mask_ratio.*1.0'),
        (dict(mask_ratio=0), 'mask_ratio.*0'),
        (dict(encoding='sparse'), "'sparse'.*'packed', 'dense'"),
        (
            dict(head=dict(type='FCMAEHead', patch_size=64)),
            'head.*=64',
        ),
        (
            dict(neck=dict(type='FCMAEDecoder', in_channels=768)),
            'backbone.channels.*=10, neck.in_channels=768',
        ),
        (
            dict(head=dict(type='FCMAEHead', in_channels=4)),
            'head.*=4',
        ),
        (
            dict(
                neck=dict(
                    type='FCMAEDecoder', in_channels=10, feature_stride=16
                )
            ),
            'backbone.stride=32, neck.feature_stride=16',
        ),
    ],
)
def test_wrong_arguments_raise_errors(options, words):
    with pytest.raises(ValueError, match=words):
        small_fcmae(**options)


def test_patches_must_be_multiples_of_the_stride():
    with pytest.raises(ValueError, match='48.*multiple of.*32'):
        small_fcmae(patch_size=48)


def test_a_loaded_mask_token_is_not_initialized_again(tmp_path):
    trained = small_fcmae()
    torch.save(trained.neck.state_dict(), tmp_path / 'neck.pth')
    pretrained = dict(type='Pretrained', checkpoint=str(tmp_path / 'neck.pth'))
    neck = MODELS.build(
        dict(
            type='FCMAEDecoder',
            in_channels=10,
            embed_dim=12,
            init_cfg=pretrained,
        )
    )
    neck.init_weights()
    expected = trained.neck.mask_token.float()
    assert_close(neck.mask_token, expected)


def test_wrong_numbers_of_channels_raise_an_error():
    with pytest.raises(ValueError, match='4 channels.*in_channels=3'):
        head().target(images(channels=4))


def test_a_mask_that_hides_nothing_raises_an_error():
    nothing = torch.zeros(2, 2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match='hides nothing'):
        small_fcmae().loss(images(), mask=nothing)


def test_the_loss_of_half_precision_is_computed_in_fp32():
    prediction = torch.randn(2, 6, 3072).half()
    mask = torch.ones(2, 2, 3, dtype=torch.bool)
    loss = head().loss(prediction, images().half(), mask)
    assert loss.dtype == torch.float32


def test_images_must_be_divisible_by_the_patch_size():
    with pytest.raises(ValueError, match='70x96 pixels.*32x32'):
        small_fcmae().loss(images(height=70))


def test_feature_maps_must_fit_the_mask():
    model = small_fcmae()
    with pytest.raises(ValueError, match='2x2 patches'):
        model.neck(
            (torch.zeros(1, 10, 3, 3, dtype=torch.float64),),
            torch.zeros(1, 2, 2, dtype=torch.bool),
        )


def test_the_backbone_may_be_a_module():
    """As in the other self-supervised models of MMPretrain."""
    model, x = small_fcmae(), images()
    backbone = small_backbone(final_norm=False)
    other = small_fcmae(backbone=backbone)
    assert other.backbone is backbone
    mask = model.random_mask(x)
    assert torch.equal(
        other.loss(x, mask=mask)['loss'], model.loss(x, mask=mask)['loss']
    )


def test_a_mask_of_another_patch_size_is_an_error(encoding):
    model, x = small_fcmae(encoding=encoding), images(width=64)
    mask = torch.ones(2, 1, 1, dtype=torch.bool)
    match = r'^mask must have shape \(N, 2, 2\) for patches of 32 pixels'
    for compute in (model.reconstruct, lambda x, m: model.loss(x, mask=m)):
        with pytest.raises(ValueError, match=match):
            compute(x, mask)
