"""MMPretrain lists and builds the configs after the package is imported."""

import mmpretrain
import pytest
import torch

from mmpretrain_plugin import model_index
from tests.test_configs import PATHS

SMALL = 'convnextv2-atto-fcmae_32xb32-600e_in1k'


def test_list_models_has_the_configs_that_mmpretrain_builds():
    listed = set(mmpretrain.list_models('*convnext*'))
    for path in PATHS:
        expected = path.parent.name in model_index.FOLDERS
        assert (path.stem in listed) == expected, path
    assert SMALL in mmpretrain.list_models('*convnextv2*')
    # MMPretrain's own models are still there.
    assert 'convnext-v2-atto_fcmae-pre_3rdparty_in1k' in listed


def test_get_model_builds_a_config():
    model = mmpretrain.get_model('fcmae_convnextv2-atto_64xb64-800e_in1k')
    assert type(model).__name__ == 'FCMAE'
    model = mmpretrain.get_model(SMALL, head=dict(num_classes=7))
    assert type(model.backbone).__module__.startswith('mmpretrain_plugin')
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_get_model_loads_released_weights(tmp_path):
    """A classifier of MMPretrain's own conversion has the same keys."""
    released = mmpretrain.get_model('convnext-v2-atto_fcmae-pre_3rdparty_in1k')
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=released.state_dict()), path)
    model = mmpretrain.get_model(
        SMALL, pretrained=True, url_mapping=('https://.*', str(path))
    )
    assert model._metainfo.weights.startswith('https://')
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), released(x), rtol=1e-4, atol=1e-4)


def test_registration_is_optional_and_repeatable(tmp_path, monkeypatch):
    before = mmpretrain.list_models()
    model_index.register_models()
    monkeypatch.setattr(model_index, 'MIM', tmp_path)
    model_index.register_models()
    assert mmpretrain.list_models() == before


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match='convnextv2-unknown'):
        mmpretrain.get_model('convnextv2-unknown')
