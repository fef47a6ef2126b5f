"""The paper's ablations equal their definitions and train."""

import copy
import re

import pytest
import torch
from make_metafiles import read_head
from mmengine.config import DictAction
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch.testing import assert_close

from mmpretrain_plugin.models import GRN, GRNVariant
from mmpretrain_plugin.models.layouts import DenseLayout
from mmpretrain_plugin.models.necks.base_decoder import order_by_patch
from mmpretrain_plugin.models.necks.fcmae_transformer_decoder import (
    position_embedding,
)
from tests.helpers.small_models import (
    ARCH,
    randomize,
    small_backbone,
    some_mask,
)
from tests.test_configs import CONFIGS, load
from tests.test_configs.facts import ABLATIONS

PATHS = sorted((CONFIGS / 'ablation').glob('fcmae_*.py'))
VARIANTS = [
    dict(aggregation='l1'),
    dict(aggregation='average'),
    dict(normalization='standardize'),
    dict(normalization=None),
    dict(aggregation=None),
    dict(aggregation=None, normalization=None),
    dict(affine=False),
    dict(residual=False),
    dict(aggregation='average', normalization=None),
]


def images(batch=2, height=64, width=96):
    return torch.randn(batch, 3, height, width, dtype=torch.float64)


def activations():
    return torch.randn(2, 3, 4, 5, dtype=torch.float64)


def test_the_default_variant_is_grn():
    variant, layer = randomize(GRNVariant(5)), randomize(GRN(5))
    x = activations()
    assert_close(variant(x, DenseLayout()), layer(x))
    assert_close(GRNVariant(5)(x.float(), DenseLayout()), x.float())


@pytest.mark.parametrize('options', VARIANTS)
def test_a_variant_equals_its_formula(options):
    """Computed by an independent loop over images and channels."""
    layer = randomize(GRNVariant(5, **options))
    options = {
        'aggregation': 'l2', 'normalization': 'divisive', 'affine': True,
        'residual': True, **options,
    }  # fmt: skip
    x = activations()
    out = layer(x, DenseLayout())
    for n in range(2):
        for i in range(3):
            for j in range(4):
                g = []
                for k in range(5):
                    values = x[n, :, :, k].flatten()
                    g.append(
                        {
                            'l2': values.pow(2).sum().sqrt(),
                            'l1': values.abs().sum(),
                            'average': values.sum() / 12,
                            None: x[n, i, j, k],
                        }[options['aggregation']]
                    )
                g = torch.stack(g)
                mean = g.sum() / 5
                factor = {
                    'divisive': g / (mean + 1e-6),
                    'standardize': (g - mean)
                    / (((g - mean).pow(2).sum() / 5).sqrt() + 1e-6),
                    None: g,
                }[options['normalization']]
                if not (options['aggregation'] or options['normalization']):
                    factor = torch.ones(5)
                expected = x[n, i, j] * factor
                if options['affine']:
                    expected = layer.gamma * expected + layer.beta
                if options['residual']:
                    expected = expected + x[n, i, j]
                assert_close(out[n, i, j], expected)


@pytest.mark.parametrize('options', VARIANTS)
def test_both_encodings_agree_for_every_variant(options):
    backbone = small_backbone(grn_cfg=dict(type='GRNVariant', **options))
    x, mask = images(), some_mask()
    packed, dense = (backbone(x, mask, e)[0] for e in ('packed', 'dense'))
    assert_close(packed, dense)


def test_unknown_variants_raise_errors():
    with pytest.raises(ValueError, match="aggregation 'max' is not one of"):
        GRNVariant(4, aggregation='max')
    with pytest.raises(ValueError, match='normalization'):
        GRNVariant(4, normalization='l2')


def test_the_leaky_encoder_equals_the_dense_one_on_images_with_zeros():
    backbone = small_backbone(final_norm=False)
    x, mask = images(), some_mask()
    hidden = mask.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None]
    leaky = backbone(x, mask, 'leaky')[0]
    assert_close(leaky, backbone(x.masked_fill(hidden, 0))[0])
    # Visible positions now depend on hidden ones around them.
    exact = backbone(x, mask, 'dense')[0]
    visible = ~mask
    assert not torch.allclose(
        leaky.permute(0, 2, 3, 1)[visible], exact.permute(0, 2, 3, 1)[visible]
    )


def test_decoder_and_head_have_the_same_order_of_pixels():
    head = MODELS.build(dict(type='FCMAEHead', patch_size=16))
    x = images(1, 32, 48)
    # Cells of 4 pixels: (row, column, channel) within each.
    cells = x.view(1, 3, 8, 4, 12, 4).permute(0, 3, 5, 1, 2, 4)
    ordered = order_by_patch(cells.reshape(1, 48, 8, 12), (2, 3), 4)
    assert_close(ordered, head.patchify(x))


DECODERS = {
    'unet-skip': dict(
        type='FCMAEUNetDecoder', in_channels=ARCH['channels'], skip=True
    ),
    'unet': dict(
        type='FCMAEUNetDecoder', in_channels=ARCH['channels'], skip=False
    ),
    'transformer': dict(
        type='FCMAETransformerDecoder', in_channels=10, embed_dim=16,
        depth=2, num_heads=2,
    ),
}  # fmt: skip


def fcmae(decoder, **options):
    all_stages = (0, 1, 2, 3) if decoder == 'unet-skip' else -1
    config = dict(
        type='FCMAE',
        backbone=dict(type='ConvNeXtV2', arch=ARCH, out_indices=all_stages),
        neck=DECODERS[decoder],
        head=dict(type='FCMAEHead'),
        **options,
    )
    return randomize(MODELS.build(config))


@pytest.mark.parametrize('decoder', DECODERS)
def test_decoders_see_visible_patches_only(decoder):
    """Both encodings agree, and hidden pixels have no effect at all."""
    model, mask = fcmae(decoder), some_mask()
    x = images()
    prediction = model.reconstruct(x, mask)
    assert prediction.shape == (2, 6, 32 * 32 * 3)
    other = copy.deepcopy(model)
    other.encoding = 'dense'
    assert_close(other.reconstruct(x, mask), prediction)
    hidden = mask.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None]
    changed = torch.where(hidden, torch.randn_like(x), x)
    assert torch.equal(model.reconstruct(changed, mask), prediction)


@pytest.mark.parametrize('decoder', DECODERS)
def test_every_parameter_of_a_decoder_gets_a_gradient(decoder):
    model, mask = fcmae(decoder), some_mask()
    model.loss(images(), mask=mask)['loss'].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize('decoder', DECODERS)
def test_an_image_does_not_depend_on_the_rest_of_the_batch(decoder):
    model, mask, x = fcmae(decoder), some_mask(), images()
    both = model.reconstruct(x, mask)
    for n in range(2):
        assert_close(
            both[n : n + 1], model.reconstruct(x[n:][:1], mask[n:][:1])
        )


def test_position_embedding_distinguishes_rows_from_columns():
    """In raster order: half of the channels for rows, half for columns."""
    embedding = position_embedding(2, 3, 8).view(2, 3, 8)
    row, column = embedding[..., :4], embedding[..., 4:]
    assert torch.equal(row[:, :1].expand(2, 3, 4), row)
    assert torch.equal(column[:1].expand(2, 3, 4), column)
    assert not torch.equal(row[0], row[1])
    assert not torch.equal(column[:, 0], column[:, 1])
    # Sine and cosine of the row index, and of the column index.
    assert_close(row[1, 0, 0], torch.tensor(1.0).sin())
    assert_close(column[0, 2, 0], torch.tensor(2.0).sin())


def test_skip_connections_need_all_stages():
    model = fcmae('unet-skip')
    with pytest.raises(ValueError, match='set out_indices of the backbone'):
        model.neck((torch.zeros(2, 10, 2, 3),), some_mask())


def test_there_is_a_config_for_every_row_of_the_paper():
    v1, v2 = 'fcmae_convnext-base_', 'fcmae_convnextv2-base_'
    names = [f'{v2}mask-{r}' for r in (10, 20, 30, 40, 50, 70, 80, 90)]
    names += [f'{v1}{kind}' for kind in ('unet-skip', 'unet', 'transformer')]
    names += [f'{v1}decoder-depth-{d}' for d in (2, 4, 8, 12)]
    names += [f'{v1}decoder-dim-{d}' for d in (128, 256, 768, 1024)]
    names += [f'{v1}leaky']
    names += [
        f'{v2}grn-{kind}'
        for kind in ('l1', 'average', 'standardize', 'no-residual',
                     'no-affine', 'no-normalization', 'no-aggregation',
                     'scale')
    ]  # fmt: skip
    names += [
        f'{v2}{kind}'
        for kind in ('layer-norm', 'batch-norm', 'lrn', 'se', 'cbam')
    ]
    assert {p.stem for p in PATHS} == {
        f'{name}_64xb64-800e_in1k' for name in names
    }


@pytest.mark.parametrize('name', ABLATIONS)
def test_configs_name_the_results_of_the_paper(name):
    (path,) = (p for p in PATHS if f'-base_{name}_' in p.name)
    assert f'Expected:   {ABLATIONS[name]} top-1' in path.read_text()


NARROW = dict(depths=(1, 1, 1, 1), channels=(4, 8, 12, 16))


@pytest.mark.parametrize('path', PATHS, ids=lambda p: p.stem)
def test_every_config_trains(path):
    """Unchanged except for an encoder and a decoder of few channels."""
    cfg = load(path).model
    cfg.backbone.arch = NARROW
    channels = cfg.neck.in_channels
    cfg.neck.in_channels = 16 if isinstance(channels, int) else [4, 8, 12, 16]
    if 'embed_dim' in cfg.neck:
        cfg.neck.embed_dim //= 16
    if 'num_heads' in cfg.neck:
        cfg.neck.num_heads = 2
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg)
    model.init_weights()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x = torch.randn(2, 3, 160, 160)
    mask = model.random_mask(x)
    hidden = 25 - int(25 * (1 - cfg.mask_ratio) + 1e-9)
    assert mask.flatten(1).sum(1).tolist() == [hidden, hidden]
    losses = []
    for _ in range(3):
        loss = model.loss(x, mask=mask)['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]


def save_pretrained(tmp_path, **backbone):
    """Save narrow FCMAE weights, random in every part, and return them."""
    model = MODELS.build(
        dict(
            type='mmpretrain.FCMAE',
            backbone=dict(type='ConvNeXtV2', arch=NARROW, **backbone),
            neck=dict(type='FCMAEDecoder', in_channels=16, embed_dim=8),
            head=dict(type='FCMAEHead'),
        )
    )
    path = tmp_path / 'fcmae.pth'
    torch.save(dict(state_dict=randomize(model).state_dict()), path)
    return str(path), model.backbone.float()


def fine_tune(cfg, checkpoint):
    """Load weights into a narrow classifier of a config, and train it."""
    cfg.model.backbone.arch = NARROW
    cfg.model.backbone.init_cfg.checkpoint = checkpoint
    cfg.model.head.update(in_channels=16, num_classes=4)
    cfg.model.train_cfg = None
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    start = copy.deepcopy(model.backbone)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, labels = torch.randn(2, 3, 64, 64), torch.tensor([1, 1])
    losses = []
    for _ in range(4):
        logits = model(x)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    return start


@pytest.mark.parametrize(
    'path',
    [p for p in PATHS if 'grn_cfg' in p.read_text()],
    ids=lambda p: p.stem,
)
def test_the_command_in_the_head_fine_tunes(path, tmp_path):
    """With the same layer in the place of GRN, and its weights."""
    then = read_head(path.read_text())[1]['Then']
    name = re.search(r'imagenet/(\S+) and --cfg-options', then)[1]
    cfg = load(CONFIGS / 'imagenet' / f'{name}.py')
    options = dict(re.findall(r'(model\.\S+)=(\S+)', then))
    assert options.pop('model.backbone.init_cfg.checkpoint') == 'FILE'
    parse = DictAction._parse_int_float_bool
    cfg.merge_from_dict({key: parse(v) for key, v in options.items()})
    grn_cfg = load(path).model.backbone.grn_cfg
    assert cfg.model.backbone.grn_cfg == grn_cfg
    checkpoint, source = save_pretrained(tmp_path, grn_cfg=grn_cfg)
    start = fine_tune(cfg, checkpoint).state_dict()
    for key, value in source.state_dict().items():
        assert torch.equal(start[key], value), key


@pytest.mark.parametrize(
    ('name', 'base', 'grn', 'pretrained'),
    [
        ('convnextv2-base-fcmae_grn-pretraining-only_32xb32-100e_in1k',
         'convnextv2-base-fcmae_32xb32-100e_in1k', 'drop', {}),
        ('convnext-base-fcmae_grn-finetuning-only_32xb32-100e_in1k',
         'convnext-base-fcmae_32xb32-100e_in1k', 'zero',
         dict(use_grn=False, layer_scale_init_value=1e-6)),
    ],
)  # fmt: skip
def test_grn_in_one_phase_only(name, base, grn, pretrained, tmp_path):
    """Nothing else changes, and the weights are those of pre-training."""
    cfg = load(CONFIGS / 'ablation' / f'{name}.py')
    usual = load(CONFIGS / 'imagenet' / f'{base}.py')
    backbone = usual.model.backbone
    assert backbone.get('use_grn', True) == (grn == 'drop')
    usual.model.backbone.use_grn = grn == 'zero'
    usual.model.backbone.init_cfg.grn = grn
    assert cfg.to_dict() == usual.to_dict()
    checkpoint, source = save_pretrained(tmp_path, **pretrained)
    start = fine_tune(cfg, checkpoint).state_dict()
    names = {key for key in start if '.grn.' in key}
    assert bool(names) == (grn == 'zero')
    assert not any(start[key].any() for key in names)
    for key, value in source.state_dict().items():
        assert '.grn.' in key or torch.equal(start[key], value), key
