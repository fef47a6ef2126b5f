"""The backbone of any config gets all weights of its checkpoint."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpretrain_plugin.checkpoint import FORMATS, to_state_dict
from mmpretrain_plugin.checkpoint.weights import Weights
from mmpretrain_plugin.trained_models import load_backbone, read_config
from mmpretrain_plugin.trained_models.pixel_normalization import (
    find_normalization,
)
from tests.helpers.small_models import ARCH, small_backbone, small_fcmae
from tests.helpers.small_weights import assert_same

BACKBONE = f"dict(type='mmpretrain.ConvNeXtV2', arch={ARCH!r})"
MAE = """
default_scope = 'mmpretrain'
model = dict(
    type='MAE',
    backbone=dict(
        type='MAEViT', img_size=32, patch_size=8,
        arch=dict(embed_dims=12, num_layers=2, num_heads=2,
                  feedforward_channels=24)))
"""


@pytest.fixture
def files(tmp_path):
    """Return a function that writes a config and a checkpoint."""

    def write(config, content):
        paths = tmp_path / 'config.py', tmp_path / 'weights.pth'
        paths[0].write_text(config)
        torch.save(content, paths[1])
        return [str(path) for path in paths]

    return write


def config_of(kind, backbone=BACKBONE, scope='mmpretrain'):
    return (
        f"default_scope = '{scope}'\n"
        "custom_imports = dict(imports=['mmpretrain_plugin'])\n"
        f"model = dict(type='{kind}', backbone={backbone})\n"
    )


def blocks_of(backbone):
    """Return the weights without the norm behind the last block.

    Pre-training, and the format of its checkpoints, do not have it.
    """
    state = backbone.state_dict()
    return {k: v for k, v in state.items() if not k.startswith('norm3.')}


def test_an_fcmae_checkpoint(files):
    model = small_fcmae().float()
    state = model.state_dict()
    paths = files(config_of('FCMAE'), dict(state_dict=state))
    backbone, _ = load_backbone(*paths)
    assert not backbone.training
    assert_same(blocks_of(backbone), model.backbone.state_dict())


@pytest.mark.parametrize('target', FORMATS)
@pytest.mark.parametrize('kind', ['ConvNeXtV2', 'ConvNeXt'])
def test_every_checkpoint_format(files, target, kind):
    """Into our backbone, and into MMPretrain's."""
    v1 = FORMATS[target].v1_only
    blocks = dict(use_grn=not v1, layer_scale_init_value=float(v1))
    ours = small_backbone(gap_before_final_norm=True, **blocks).float()
    state, _ = to_state_dict(Weights(backbone=ours.state_dict()), target)
    arch = {name: list(value) for name, value in ARCH.items()}
    backbone = repr(dict(type=kind, arch=arch, **blocks))
    paths = files(config_of('ImageClassifier', backbone), dict(model=state))
    got, _ = load_backbone(*paths)
    assert_same(blocks_of(got), blocks_of(ours))


def test_a_detector_of_another_library(files):
    ours = small_backbone().float()
    state = {f'backbone.{k}': v for k, v in ours.state_dict().items()}
    state['rpn_head.rpn_conv.weight'] = torch.zeros(1)
    paths = files(config_of('MaskRCNN', scope='mmdet'), dict(state_dict=state))
    assert_same(load_backbone(*paths)[0].state_dict(), ours.state_dict())


def test_a_layer_in_the_place_of_grn(files):
    grn = dict(type='GRNVariant', aggregation='l1')
    ours = small_backbone(grn_cfg=grn).float()
    state = {f'backbone.{k}': v for k, v in ours.state_dict().items()}
    backbone = f'{BACKBONE[:-1]}, grn_cfg={grn!r})'
    paths = files(config_of('FCMAE', backbone), dict(state_dict=state))
    assert_same(load_backbone(*paths)[0].state_dict(), ours.state_dict())


def vit_state():
    from mmpretrain.registry import MODELS

    cfg = Config.fromstring(MAE, '.py')
    state = MODELS.build(cfg.model.backbone).state_dict()
    return {f'backbone.{key}': value + 0.5 for key, value in state.items()}


def test_a_mae_checkpoint(files):
    state = vit_state()
    paths = files(MAE, dict(state_dict={**state, 'neck.x': torch.ones(1)}))
    got = load_backbone(*paths)[0].state_dict()
    assert_same(
        {f'backbone.{key}': value for key, value in got.items()}, state
    )


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('backbone.layers.1.ln1.weight'),
         r'missing: layers\.1\.ln1\.weight'),
        (lambda s: s.update({'backbone.layers.2.ln1.weight': torch.ones(12)}),
         r'unexpected: layers\.2\.ln1\.weight'),
        (lambda s: s.update({'backbone.ln1.weight': torch.ones(13)}),
         r'of another shape: ln1\.weight \(13,\), not \(12,\)'),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_model_is_one_line(files, change, message):
    state = vit_state()
    change(state)
    paths = files(MAE, dict(state_dict=state))
    with pytest.raises(ValueError, match=message) as error:
        load_backbone(*paths)
    text = str(error.value)
    assert '\n' not in text
    assert 'weights.pth does not fit' in text and 'config.py' in text


def test_a_checkpoint_of_another_kind_is_an_error(files):
    state = small_fcmae().float().state_dict()
    with pytest.raises(ValueError, match=r'no weights of MAEViT|unexpected'):
        load_backbone(*files(MAE, dict(state_dict=state)))
    with pytest.raises(ValueError, match='does not fit'):
        load_backbone(*files(config_of('FCMAE'), dict(state_dict=vit_state())))


def test_wrong_configs_and_files_are_named(tmp_path, files):
    with pytest.raises(ValueError, match=r'none\.py does not exist; .*name'):
        load_backbone(str(tmp_path / 'none.py'), 'x.pth')
    config, _ = files("model = dict(type='X')\n", {})
    with pytest.raises(ValueError, match=r'config\.py has no model\.backbone'):
        load_backbone(config, 'x.pth')
    config, _ = files(config_of('FCMAE'), {})
    with pytest.raises(ValueError, match=r'x\.pth does not exist'):
        load_backbone(config, str(tmp_path / 'x.pth'))
    with pytest.raises(ValueError, match='no config of an installed library'):
        read_config('mmpretrain::mae/none.py')


def test_a_config_of_an_installed_library():
    cfg = read_config(
        'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py'
    )
    assert cfg.model.backbone.type == 'MAEViT'


@pytest.mark.parametrize(
    ('place', 'kind', 'flag'),
    [
        ('model', 'mmdet.DetDataPreprocessor', 'bgr_to_rgb'),
        ('top', 'mmpretrain.SelfSupDataPreprocessor', 'to_rgb'),
        ('top', 'mmpretrain.ClsDataPreprocessor', 'to_rgb'),
    ],
)
@pytest.mark.parametrize('rgb', [True, False])
def test_pixels_are_normalized_as_in_training(place, kind, flag, rgb):
    """The libraries' preprocessors get BGR images, ours RGB."""
    from mmengine.registry import MODELS

    preprocessor = dict(
        type=kind, mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], **{flag: rgb}
    )
    cfg = Config(dict(model=dict(backbone=dict())))
    owner = cfg.model if place == 'model' else cfg
    owner['data_preprocessor'] = preprocessor
    images = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    bgr = images.flip(1)
    inputs = list(bgr)
    if 'SelfSup' in kind:
        inputs = [bgr]  # one view
    expected = MODELS.build(preprocessor)(
        dict(inputs=inputs, data_samples=None), False
    )['inputs']
    if 'SelfSup' in kind:
        (expected,) = expected
    torch.testing.assert_close(find_normalization(cfg)(images), expected)


def test_without_a_preprocessor_pixels_stay():
    images = torch.from_numpy(np.arange(12, dtype='uint8').reshape(1, 3, 2, 2))
    cfg = Config(dict(model=dict(backbone=dict())))
    got = find_normalization(cfg)(images)
    assert torch.equal(got, images.flip(1).float())


def test_other_channels_keep_the_order_of_the_file():
    preprocessor = dict(
        type='MultiChannelDetDataPreprocessor', mean=[0] * 5, std=[1] * 5
    )
    cfg = Config(dict(model=dict(data_preprocessor=preprocessor)))
    images = torch.rand(1, 5, 2, 2)
    assert torch.equal(find_normalization(cfg)(images), images)
