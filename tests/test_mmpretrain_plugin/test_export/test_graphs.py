"""The graph for export computes what MMPretrain's own code predicts."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from torch.testing import assert_close

from mmpretrain_plugin.export import BackboneGraph, ClassifierGraph
from mmpretrain_plugin.trained_models.pixel_normalization import (
    find_normalization,
)
from tests.helpers.small_models import ARCH, randomize


def config(head, **preprocessor):
    return Config(
        dict(
            model=dict(
                type='ImageClassifier',
                backbone=dict(type='ConvNeXtV2', arch=ARCH),
                head=dict(
                    type=head, num_classes=7, in_channels=ARCH['channels'][-1]
                ),
                data_preprocessor=dict(
                    type='ClsDataPreprocessor',
                    mean=[90, 100, 120],
                    std=[50, 60, 70],
                    **preprocessor,
                ),
            )
        )
    )


@pytest.mark.parametrize('rgb', [True, False])
def test_it_equals_mmpretrain(rgb):
    cfg = config('LinearClsHead', to_rgb=rgb)
    model = randomize(MODELS.build(cfg.model)).float().eval()
    bgr = torch.randint(256, (2, 3, 64, 96), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=list(bgr)))
    graph = ClassifierGraph(model, find_normalization(cfg))
    images = bgr.flip(1) if rgb else bgr
    with torch.no_grad():
        expected = [one.pred_score for one in model.predict(data['inputs'])]
        (scores,) = graph(images.float())
    assert graph.pixels.order == ('RGB' if rgb else 'BGR')
    assert_close(scores, torch.stack(expected))


def test_a_head_without_softmax_is_refused():
    """Several labels of an image have a sigmoid each."""
    cfg = config('MultiLabelLinearClsHead')
    model = MODELS.build(cfg.model)
    with pytest.raises(ValueError, match='has MultiLabelLinearClsHead'):
        ClassifierGraph(model, find_normalization(cfg))


def test_a_backbone_without_stages_is_refused():
    with pytest.raises(ValueError, match='Identity does not tell its'):
        BackboneGraph(torch.nn.Identity(), find_normalization(config('x')))
