"""The graph for export computes what MMSegmentation's own code predicts."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmseg.structures import SegDataSample
from torch.testing import assert_close

from mmpretrain_plugin.trained_models.pixel_normalization import (
    find_normalization,
)
from mmseg_plugin.export import SegmentorGraph
from tests.helpers.small_models import randomize
from tests.test_configs import CONFIGS

DEMO = CONFIGS / 'demo/upernet_convnextv2-atto_digits.py'
SIZE = (70, 96)


@pytest.mark.parametrize('rgb', [True, False])
def test_it_equals_mmsegmentation(rgb):
    cfg = Config.fromfile(DEMO)
    cfg.model.data_preprocessor.update(
        bgr_to_rgb=rgb, mean=[90, 100, 120], std=[50, 60, 70],
        size=None, size_divisor=1,
    )  # fmt: skip
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = randomize(MODELS.build(cfg.model)).float().eval()
    bgr = torch.randint(256, (3, *SIZE), dtype=torch.uint8)
    sample = SegDataSample(metainfo=dict(ori_shape=SIZE, img_shape=SIZE))
    data = model.data_preprocessor(dict(inputs=[bgr], data_samples=[sample]))
    with torch.no_grad():
        (result,) = model.predict(data['inputs'], data['data_samples'])
        expected = result.seg_logits.data
        graph = SegmentorGraph(model, find_normalization(cfg))
        image = bgr.flip(0) if rgb else bgr
        (logits,) = graph(image[None].float())
    assert graph.pixels.order == ('RGB' if rgb else 'BGR')
    assert expected.std() > 0.1
    assert_close(logits[0], expected, rtol=1e-4, atol=1e-4)


def test_a_head_without_a_map_is_refused():
    with pytest.raises(ValueError, match='with NoneType has no map'):
        SegmentorGraph(torch.nn.Identity(), None)
