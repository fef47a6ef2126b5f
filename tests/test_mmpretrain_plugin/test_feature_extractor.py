"""MMPretrain's FeatureExtractor works on pre-training configs."""

import numpy as np
import pytest
import torch
from mmpretrain import FeatureExtractor, get_model
from torch.testing import assert_close

from tests.helpers.small_models import ARCH, randomize
from tests.test_configs import CONFIGS, PATHS, load

PRETRAINING = [path for path in PATHS if path.stem.startswith('fcmae_')]


@pytest.mark.parametrize('path', PRETRAINING, ids=lambda path: path.stem)
def test_every_pretraining_config_says_how_images_are_read(path):
    """``get_model`` asks for the data set, the extractor for its pipeline."""
    cfg = load(path)
    dataset = cfg.test_dataloader.dataset
    assert dataset.type in ('ImageNet', 'CustomDataset')
    read, *_, pack = dataset.pipeline
    is_tiff = path.parent.name == 'multichannel'
    assert read.type == ('LoadTIFFImage' if is_tiff else 'LoadImageFromFile')
    assert pack.type == 'PackInputs'
    assert cfg.test_evaluator and cfg.test_cfg is not None
    assert not any('Random' in step.type for step in dataset.pipeline)


@pytest.mark.parametrize('stage', [{}, dict(stage='backbone')])
def test_it_returns_the_features_of_the_backbone(stage, tmp_path):
    name = 'fcmae_convnextv2-tiny_1xb64-800e_labeled-folder.py'
    cfg = load(CONFIGS / 'fcmae' / name)
    cfg.model.backbone.arch = ARCH
    cfg.model.neck.in_channels = ARCH['channels'][-1]
    model = randomize(get_model(cfg)).float()
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)

    extractor = FeatureExtractor(cfg, str(path), device='cpu')
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (256, 256, 3), np.uint8) for _ in range(3)]
    found = [each[0] for each in extractor(images, batch_size=2, **stage)]

    crops = np.stack(images)[:, 16:240, 16:240, ::-1]  # BGR as in files
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    pixels = torch.from_numpy((crops - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = model.backbone(pixels.float())[0]
    assert_close(torch.stack(found), expected)
    assert expected.std(dim=0).min() > 0


def test_other_stages_are_an_error():
    cfg = load(CONFIGS / 'fcmae/fcmae_convnextv2-atto_64xb64-800e_in1k.py')
    model = get_model(cfg)
    with pytest.raises(ValueError, match="must be 'backbone', got 'neck'"):
        model.extract_feat(torch.zeros(1, 3, 64, 64), stage='neck')
