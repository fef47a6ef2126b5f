"""GRN in pre-training or fine-tuning only, by an explicit option."""

import re

import pytest
import torch
from mmpretrain.registry import MODELS
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import to_state_dict, to_weights, write_file
from tests.helpers.small_models import ARCH, small_backbone, small_fcmae

V1 = dict(use_grn=False, layer_scale_init_value=1e-6)
BLOCKS = sum(ARCH['depths'])


def save(tmp_path, backbone):
    path = tmp_path / 'weights.pth'
    state = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    torch.save(dict(state_dict=state), path)
    return str(path)


def load(path, grn=None, **options):
    init_cfg = dict(type='Pretrained', checkpoint=path)
    if grn is not None:
        init_cfg['grn'] = grn
    model = MODELS.build(
        dict(type='ConvNeXtV2', arch=ARCH, init_cfg=init_cfg,
             gap_before_final_norm=False, **options)
    )  # fmt: skip
    model.init_weights()
    return model


def grn_names(backbone):
    return [n for n in backbone.state_dict() if '.grn.' in n]


def assert_others_are_loaded(backbone, source):
    loaded, wanted = backbone.state_dict(), source.state_dict()
    names = set(loaded) - set(grn_names(backbone))
    assert names == set(wanted) - set(grn_names(source))
    for name in names:
        assert torch.equal(loaded[name], wanted[name].float()), name


@pytest.fixture
def lines(monkeypatch):
    """Messages that are logged."""
    from mmengine.logging import MMLogger

    found = []
    monkeypatch.setattr(
        MMLogger, 'info', lambda self, message, *_: found.append(message)
    )
    return found


def test_drop_leaves_out_grn_and_lists_it(tmp_path, lines):
    source = small_backbone()
    path = save(tmp_path, source)
    model = load(path, 'drop', use_grn=False)
    assert not grn_names(model)
    assert_others_are_loaded(model, source)
    (line,) = (x for x in lines if 'GRN weights' in x)
    assert line == "GRN weights left out by grn='drop': " + ', '.join(
        grn_names(source)
    )
    assert line.count('grn.gamma') == line.count('grn.beta') == BLOCKS


@pytest.mark.parametrize('v1', [V1, dict(use_grn=False)])
def test_zero_adds_grn_as_the_identity_and_lists_it(tmp_path, lines, v1):
    """The network computes at first what was pre-trained."""
    source = small_backbone(**v1)
    path = save(tmp_path, source)
    model = load(path, 'zero', **{**v1, 'use_grn': True})
    names = grn_names(model)
    assert len(names) == 2 * BLOCKS
    assert not any(model.state_dict()[name].any() for name in names)
    assert_others_are_loaded(model, source)
    x = torch.randn(1, 3, 64, 64)
    assert_close(model(x), source.float()(x))
    (line,) = (x for x in lines if 'GRN weights' in x)
    assert line == "GRN weights set to zero by grn='zero': " + ', '.join(names)


@pytest.mark.parametrize('grn', [None, 'load'])
def test_without_the_option_it_stays_an_error(tmp_path, grn):
    path = save(tmp_path, small_backbone())
    wanted = r'unexpected: stages.0.0.grn.gamma.* with {}$'
    with pytest.raises(ValueError, match=wanted.format("grn='drop'")):
        load(path, grn, use_grn=False)
    path = save(tmp_path, small_backbone(**V1))
    wanted = wanted.replace('unexpected', 'missing')
    with pytest.raises(ValueError, match=wanted.format("grn='zero'")):
        load(path, grn, layer_scale_init_value=1e-6)
    with pytest.raises(ValueError, match='of the checkpoint$'):
        load(path, grn)  # the layer scale differs too
    with pytest.raises(ValueError, match="checkpoint; .* adapt='repeat'$"):
        load(path, grn, **V1, in_channels=4)


def test_nothing_is_logged_about_grn_without_the_option(tmp_path, lines):
    load(save(tmp_path, small_backbone()))
    assert not any('GRN' in line for line in lines)


@pytest.mark.parametrize(
    ('source', 'grn', 'options', 'counts'),
    [
        ({}, 'drop', {}, (2 * BLOCKS, 2 * BLOCKS)),
        (dict(use_grn=False), 'drop', dict(use_grn=False), (0, 0)),
        (dict(use_grn=False), 'drop', {}, (0, 2 * BLOCKS)),
        ({}, 'zero', {}, (2 * BLOCKS, 2 * BLOCKS)),
        (dict(use_grn=False), 'zero', dict(use_grn=False), (0, 0)),
        ({}, 'zero', dict(use_grn=False), (2 * BLOCKS, 0)),
    ],
)
def test_an_option_that_does_not_apply_is_an_error(
    tmp_path, source, grn, options, counts
):
    path = save(tmp_path, small_backbone(**source))
    where = 'checkpoint' if grn == 'drop' else 'backbone'
    wanted = (
        f"{re.escape(path)}: grn='{grn}' of init_cfg needs GRN in the {where} "
        f'only; the checkpoint has {counts[0]} GRN weights and the backbone '
        f'has {counts[1]}; set use_grn of the backbone, or leave grn out'
    )
    with pytest.raises(ValueError, match=f'^{wanted}$'):
        load(path, grn, **options)


def test_an_unknown_option_is_an_error(tmp_path):
    path = save(tmp_path, small_backbone())
    wanted = r"grn of init_cfg must be one of \('load', 'drop', 'zero'\)"
    with pytest.raises(ValueError, match=f"{wanted}, got 'keep'"):
        load(path, 'keep')


def test_the_option_changes_no_other_check(tmp_path):
    source = small_backbone()
    del source.stages[2][1].pointwise_conv1.weight
    path = save(tmp_path, source)
    with pytest.raises(ValueError, match=r'stages.2.1.pointwise_conv1.weight'):
        load(path, 'drop', use_grn=False)
    path = save(tmp_path, small_backbone())
    with pytest.raises(ValueError, match='expected .4, 4, 4, 4.'):
        load(path, 'drop', use_grn=False, in_channels=4)


def test_the_option_works_with_every_spelling_of_grn(tmp_path):
    """In timm's format the names are others."""
    source = small_backbone().float()
    weights = to_weights(source.state_dict())
    state, _ = to_state_dict(weights, 'timm', backbone_only=True)
    path = tmp_path / 'timm.safetensors'
    write_file(path, state, {})
    assert_others_are_loaded(load(str(path), 'drop', use_grn=False), source)


@pytest.mark.parametrize(
    'grn_cfg',
    [
        dict(type='ChannelLayerNorm'),
        dict(type='VisibleBatchNorm'),
        dict(type='LocalResponseNorm'),
        dict(type='SqueezeExcitation'),
        dict(type='CBAM'),
        dict(type='GRNVariant', aggregation='l1'),
        dict(type='GRNVariant', affine=False),
    ],
    ids=lambda cfg: cfg['type'],
)
def test_layers_in_the_place_of_grn_load_and_are_checked(tmp_path, grn_cfg):
    fcmae = small_fcmae(
        backbone=dict(type='ConvNeXtV2', arch=ARCH, grn_cfg=grn_cfg)
    )
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=fcmae.state_dict()), path)
    model = load(str(path), grn_cfg=grn_cfg)
    loaded = model.state_dict()
    for name, value in fcmae.backbone.state_dict().items():
        assert torch.equal(loaded[name], value.float()), name
    names = grn_names(model)
    if not names:
        return
    with pytest.raises(ValueError, match=re.escape(names[0])):
        load(str(path), use_grn=False)
    state = fcmae.state_dict()
    del state[f'backbone.{names[-1]}']
    torch.save(dict(state_dict=state), path)
    with pytest.raises(ValueError, match=f'missing: .*{names[-1]}'):
        load(str(path), grn_cfg=grn_cfg)
