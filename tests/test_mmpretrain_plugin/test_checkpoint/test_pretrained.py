"""``init_cfg`` loads all weights of the backbone, or raises an error."""

import os
import re
from pathlib import Path

import pytest
import torch
from mmengine.model import PretrainedInit
from mmengine.runner import CheckpointLoader
from mmpretrain.registry import MODELS

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    Weights,
    detect_format,
    to_state_dict,
    to_weights,
    write_file,
)
from mmpretrain_plugin.checkpoint.stem import STEM
from tests.helpers.small_models import (
    ARCH,
    V1,
    small_backbone,
    small_fcmae,
)

NAME = 'stages.2.1.pointwise_conv1.weight'


def save(tmp_path, state, name='weights.pth'):
    path = tmp_path / name
    torch.save(dict(state_dict=state), path)
    return str(path)


def build(init_cfg, **options):
    options = {'arch': ARCH, 'gap_before_final_norm': False, **options}
    return MODELS.build(dict(type='ConvNeXtV2', init_cfg=init_cfg, **options))


def load(path, prefix=None, **options):
    init_cfg = dict(type='Pretrained', checkpoint=path, prefix=prefix)
    model = build(init_cfg, **options)
    model.init_weights()
    return model


def assert_loaded(backbone, source):
    """Assert that all weights of a backbone without norms are loaded."""
    state = backbone.state_dict()
    wanted = source.state_dict()
    assert len(wanted) > 60
    for name, value in wanted.items():
        assert torch.equal(state[name], value.float()), name


def test_weights_of_fcmae_and_new_norms(tmp_path):
    fcmae = small_fcmae()
    path = save(tmp_path, fcmae.state_dict())
    backbone = load(path, out_indices=(0, 1, 2, 3))
    assert_loaded(backbone, fcmae.backbone)
    for i, channels in enumerate(ARCH['channels']):
        norm = getattr(backbone, f'norm{i}')
        assert torch.equal(norm.weight, torch.ones(channels))
        assert torch.equal(norm.bias, torch.zeros(channels))


@pytest.mark.parametrize('name', FORMATS)
def test_every_format(tmp_path, name):
    options = V1 if FORMATS[name].v1_only else {}
    source = small_backbone(**options).float()
    weights = Weights(backbone=source.state_dict())
    state, dropped = to_state_dict(weights, name)
    assert detect_format(state).name == name
    for suffix in ('.pth', '.safetensors'):
        path = tmp_path / f'weights{suffix}'
        write_file(path, state, {})
        loaded = load(str(path), **options).state_dict()
        for key, value in source.state_dict().items():
            if f'backbone.{key}' not in dropped:
                assert torch.equal(loaded[key], value), key


def test_a_checkpoint_of_another_model_is_named(tmp_path):
    """The cases are in test_backbone_weights.py."""
    path = save(tmp_path, small_fcmae().state_dict())
    wanted = f'^{re.escape(path)}: the checkpoint does not fit'
    with pytest.raises(ValueError, match=wanted):
        load(path, in_channels=4)


@pytest.mark.parametrize(
    ('channels', 'adapt', 'order'),
    [(5, 'repeat', [0, 1, 2, 0, 1]), (3, 'repeat', [0, 1, 2])],
)
def test_the_stem_is_fitted_to_other_channels(
    tmp_path, channels, adapt, order
):
    source = small_fcmae()
    path = save(tmp_path, source.state_dict())
    init_cfg = dict(type='Pretrained', checkpoint=path, adapt=adapt)
    model = build(init_cfg, in_channels=channels)
    model.init_weights()
    wanted = source.backbone.state_dict()
    wanted[STEM] = wanted[STEM][:, order] * 3 / channels
    got = model.state_dict()
    for name, value in wanted.items():
        torch.testing.assert_close(got[name], value.float())


def test_gray_images_get_the_sum_of_the_stem(tmp_path):
    source = small_fcmae()
    path = save(tmp_path, source.state_dict())
    init_cfg = dict(type='Pretrained', checkpoint=path, adapt='sum')
    model = build(init_cfg, in_channels=1)
    model.init_weights()
    wanted = source.backbone.state_dict()[STEM].sum(dim=1, keepdim=True)
    torch.testing.assert_close(model.state_dict()[STEM], wanted.float())


@pytest.mark.parametrize(
    ('adapt', 'message'),
    [
        (None, "to your channels, .* init_cfg with adapt='repeat'"),
        ('sum', "method 'sum' cannot change 3 channels to 4; choose 'repeat'"),
        ('crop', "method 'crop' cannot change 3 channels to 4"),
    ],
)
def test_other_channels_are_an_error_with_a_remedy(tmp_path, adapt, message):
    path = save(tmp_path, small_fcmae().state_dict())
    init_cfg = dict(type='Pretrained', checkpoint=path, adapt=adapt)
    with pytest.raises(ValueError, match=f'^{re.escape(path)}: .*{message}'):
        build(init_cfg, in_channels=4).init_weights()


def test_another_network_is_an_error(tmp_path):
    path = save(tmp_path, {'backbone.conv1.weight': torch.zeros(3)})
    with pytest.raises(ValueError, match=f'^{path}: it is no ConvNeXt'):
        load(path)


@pytest.mark.parametrize('wrapper', ['', 'module.'])
@pytest.mark.parametrize(
    'prefix',
    [None, '', 'backbone.', 'backbone', 'module.', 'module.backbone.'],
)
def test_a_prefix_is_not_needed(tmp_path, prefix, wrapper):
    """That of distributed training may be in file, prefix, both or none."""
    fcmae = small_fcmae()
    state = {f'{wrapper}{k}': v for k, v in fcmae.state_dict().items()}
    path = save(tmp_path, state)
    assert_loaded(load(path, prefix=prefix), fcmae.backbone)


@pytest.mark.parametrize('wrapper', ['', 'module.'])
def test_a_prefix_selects_one_of_two_backbones(tmp_path, wrapper):
    models = dict(student=small_backbone(), teacher=small_backbone())
    with torch.no_grad():
        models['teacher'].stages[2][1].pointwise_conv1.weight += 1
    state = {
        f'{wrapper}{part}.{key}': value
        for part, model in models.items()
        for key, value in model.state_dict().items()
    }
    path = save(tmp_path, state)
    for part, model in models.items():
        assert_loaded(load(path, prefix=f'{part}.'), model)
    with pytest.raises(ValueError, match='it is no ConvNeXt'):
        load(path)


def test_a_prefix_that_no_key_has_is_an_error(tmp_path):
    path = save(tmp_path, small_fcmae().state_dict())
    wanted = (
        f"^{re.escape(path)}: no key begins with the prefix 'wrong.' of "
        'init_cfg; keys begin with backbone., neck.; leave prefix out'
    )
    with pytest.raises(ValueError, match=wanted):
        load(path, prefix='wrong.')


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    """As mmengine does."""
    monkeypatch.setenv('HOME', str(tmp_path))
    fcmae = small_fcmae()
    save(tmp_path, fcmae.state_dict())
    assert_loaded(load('~/weights.pth'), fcmae.backbone)


class Hostile:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, 'w')


@pytest.mark.parametrize('kind', ['single', 'list', 'scope', 'override'])
def test_no_form_of_init_cfg_runs_code(tmp_path, kind):
    """mmengine would unpickle the file."""
    path, created = tmp_path / 'evil.pth', tmp_path / 'created'
    torch.save(dict(state_dict=Hostile(created)), path)
    pretrained = dict(type='Pretrained', checkpoint=str(path))
    xavier = dict(type='Xavier', layer='Linear')
    init_cfg = dict(
        single=pretrained,
        list=[xavier, pretrained],
        scope={**pretrained, 'type': 'mmseg.Pretrained'},
        override={**xavier, 'override': {**pretrained, 'name': 'stages'}},
    )[kind]
    wanted = 'could run code when opened'
    if kind == 'override':
        wanted = "does not support 'Pretrained' in override"
    with pytest.raises(ValueError, match=wanted):
        build(init_cfg).init_weights()
    assert not created.exists()


def test_checkpoints_are_loaded_after_other_initializers(tmp_path):
    fcmae = small_fcmae()
    pretrained = dict(
        type='Pretrained', checkpoint=save(tmp_path, fcmae.state_dict())
    )
    constant = dict(type='Constant', layer=['Linear', 'LayerNorm'], val=7.0)
    model = build([pretrained, constant])
    model.init_weights()
    assert_loaded(model, fcmae.backbone)
    assert (model.norm3.weight == 7).all()  # not in the checkpoint


def test_the_paper_initialization_is_the_default():
    model = MODELS.build(dict(type='ConvNeXtV2', arch='atto'))
    model.init_weights()
    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            assert (module.bias == 0).all()
            assert module.weight.abs().max() <= 2
    weights = torch.cat(
        [p.flatten() for n, p in model.named_parameters() if 'pointwise' in n
         and p.ndim == 2]
    )  # fmt: skip
    assert abs(weights.std().item() - 0.02) < 1e-3


def test_weights_are_initialized_once(tmp_path):
    """The parent of a backbone may call init_weights again."""
    path = save(tmp_path, small_fcmae().state_dict())
    model = load(path)
    assert model.is_init
    with torch.no_grad():
        model.stages[0][0].norm.weight.fill_(3)
    os.remove(path)
    model.init_weights()
    assert (model.stages[0][0].norm.weight == 3).all()


def test_initialization_does_not_change_init_cfg(tmp_path):
    path = save(tmp_path, small_fcmae().state_dict())
    model = load(path)
    assert model.init_cfg == dict(
        type='Pretrained', checkpoint=path, prefix=None
    )


@pytest.mark.parametrize(
    'kind',
    ['mmengine.Pretrained', 'mmpretrain.Pretrained', 'mmdet.Pretrained',
     PretrainedInit],
)  # fmt: skip
def test_every_spelling_of_the_type(tmp_path, kind):
    fcmae = small_fcmae()
    path = Path(save(tmp_path, fcmae.state_dict()))
    model = build(dict(type=kind, checkpoint=path, map_location='cpu'))
    model.init_weights()
    assert_loaded(model, fcmae.backbone)


def test_several_checkpoints_are_named_in_errors(tmp_path):
    good = save(tmp_path, small_fcmae().state_dict(), 'good.pth')
    bad = save(tmp_path, {'conv1.weight': torch.zeros(1)}, 'bad.pth')
    init_cfg = [
        dict(type='Pretrained', checkpoint=file) for file in (good, bad)
    ]
    with pytest.raises(ValueError, match=f'^{bad}: it is no ConvNeXt'):
        build(init_cfg).init_weights()


@pytest.mark.parametrize('name', ['mmpretrain', 'timm'])
def test_addresses_of_object_stores(monkeypatch, name):
    """mmengine reads them; formats and checks are as elsewhere."""
    fcmae = small_fcmae().float()
    weights = to_weights(fcmae.state_dict())
    state, _ = to_state_dict(weights, name)
    address = 's3://bucket/convnext-v2.pth'

    def read(file, **options):
        assert file == address
        return dict(state_dict=state, meta=dict(epoch=1))

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', read)
    assert_loaded(load(address), fcmae.backbone)
    with pytest.raises(ValueError, match=f'^{address}: the checkpoint does'):
        load(address, in_channels=4)


def test_load_state_dict_keeps_the_promises_of_pytorch():
    """Other code may load a part of the weights on purpose."""
    backbone = small_backbone()
    state = small_backbone().state_dict()
    removed = state.pop(NAME) + 1
    state['extra'] = torch.zeros(1)
    with torch.no_grad():
        backbone.stages[0][0].norm.weight.zero_()
        backbone.get_parameter(NAME).copy_(removed)
    result = backbone.load_state_dict(state, strict=False)
    assert result.missing_keys == [NAME]
    assert result.unexpected_keys == ['extra']
    loaded = backbone.state_dict()
    assert torch.equal(loaded[NAME], removed)
    name = 'stages.0.0.norm.weight'
    assert torch.equal(loaded[name], state[name])
    with pytest.raises(RuntimeError, match='Missing key'):
        backbone.load_state_dict(state)


def test_the_state_dict_of_a_backbone_loads_back():
    backbone = small_backbone(out_indices=(1, 3))
    other = small_backbone(out_indices=(1, 3))
    with torch.no_grad():
        other.norm1.weight += 1
    result = other.load_state_dict(backbone.state_dict())
    assert not result.missing_keys and not result.unexpected_keys
    assert torch.equal(other.norm1.weight, backbone.norm1.weight)
