"""A complete model gets all weights of its checkpoint."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmpretrain_plugin.checkpoint import to_state_dict, to_weights
from mmpretrain_plugin.trained_models import load_fcmae, load_model
from tests.helpers.small_models import ARCH, randomize, small_fcmae
from tests.helpers.small_weights import assert_same

CLASSIFIER = f"""
default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmpretrain_plugin'])
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ConvNeXtV2', arch={ARCH!r}),
    head=dict(type='LinearClsHead', num_classes=7, in_channels=10))
data_preprocessor = dict(
    mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=True)
"""


@pytest.fixture
def files(tmp_path):
    """Return a function that writes a config and a checkpoint."""

    def write(config, state):
        paths = tmp_path / 'config.py', tmp_path / 'weights.pth'
        paths[0].write_text(config)
        torch.save(dict(state_dict=state), paths[1])
        return [str(path) for path in paths]

    return write


def classifier():
    cfg = Config.fromstring(CLASSIFIER, '.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return randomize(MODELS.build(cfg.model)).float()


@pytest.mark.parametrize(
    'name', ['mmpretrain', 'official', 'timm', 'huggingface']
)
def test_a_classifier_from_every_format(name, files):
    state = classifier().state_dict()
    given, _ = to_state_dict(to_weights(state), name)
    model, normalization = load_model(*files(CLASSIFIER, given))
    assert not model.training
    assert_same(model.state_dict(), state)
    assert normalization == ((1, 2, 3), (4, 5, 6), 'RGB')


def test_what_is_missing_or_too_much_is_one_short_line(files):
    state = classifier().state_dict()
    backbone = {k: v for k, v in state.items() if k.startswith('backbone.')}
    with pytest.raises(
        ValueError, match=r'missing: head\.fc\.weight, head\.fc\.bias; use'
    ):
        load_model(*files(CLASSIFIER, backbone))
    extra = {f'neck.{i}': torch.zeros(1) for i in range(9)}
    with pytest.raises(ValueError, match=r'neck\.2, 6 others; use') as error:
        load_model(*files(CLASSIFIER, {**state, **extra}))
    assert '\n' not in str(error.value)
    wrong = {**state, 'head.fc.bias': torch.zeros(8)}
    with pytest.raises(
        ValueError, match=r'another shape: head\.fc\.bias \(8,\), not \(7,\)'
    ):
        load_model(*files(CLASSIFIER, wrong))
    with pytest.raises(ValueError, match='cannot be built: .*Nothing'):
        config = CLASSIFIER.replace('LinearClsHead', 'Nothing')
        load_model(*files(config, state))


def test_an_fcmae_with_its_decoder(files):
    wanted = small_fcmae().float()
    config = f"""
default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmpretrain_plugin'])
model = dict(
    type='FCMAE', backbone=dict(type='ConvNeXtV2', arch={ARCH!r}),
    neck=dict(type='FCMAEDecoder', in_channels=10, embed_dim=12),
    head=dict(type='FCMAEHead', patch_size=32))
"""
    state = wanted.state_dict()
    assert_same(load_fcmae(*files(config, state)).state_dict(), state)
    state.pop('neck.mask_token')
    with pytest.raises(ValueError, match=r'missing: neck\.mask_token'):
        load_fcmae(*files(config, state))
    with pytest.raises(ValueError, match='config of ImageClassifier'):
        load_fcmae(*files(CLASSIFIER, classifier().state_dict()))
