"""mmcv's soft-NMS, as the COCO configs set it, is soft-NMS in each class."""

import pytest
import torch
from mmcv.ops import batched_nms
from mmengine.config import Config
from torch.testing import assert_close

from tests.test_configs import CONFIGS

CONFIG = (
    CONFIGS / 'coco/mask-rcnn_convnextv2-base-fcmae_fpn_8xb4-lsj-3x_coco.py'
)


@pytest.fixture(scope='module')
def nms():
    return Config.fromfile(CONFIG).model.test_cfg.rcnn.nms


def skewed_boxes(count, seed):
    """Boxes with integer corners, of frequent and rare classes."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randint(0, 400, (5, 2), generator=generator)
    which = torch.randint(5, (count,), generator=generator)
    spread = 15 * torch.randn(2, count, 2, generator=generator)
    low = (centers[which] + spread[0]).round()
    high = (centers[which] + 80 + spread[1]).round().maximum(low + 1)
    scores = (torch.randperm(count, generator=generator) + 0.5) / count
    frequency = 1 / torch.arange(1.0, 81.0)
    labels = frequency.multinomial(count, True, generator=generator)
    return torch.cat([low, high], dim=1), scores, labels


def linear_soft_nms(boxes, scores, iou_threshold, min_score=1e-3):
    """Soft-NMS (Bodla et al., ICCV 2017, Figure 2) with Equation 1."""
    boxes, scores = boxes.double(), scores.double()
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    left, result = set(range(len(boxes))), {}
    while left:
        best = max(left, key=lambda i: scores[i])
        left.remove(best)
        result[best] = float(scores[best])
        for i in sorted(left):
            low = boxes[i, :2].maximum(boxes[best, :2])
            high = boxes[i, 2:].minimum(boxes[best, 2:])
            shared = (high - low).clamp(min=0).prod()
            iou = shared / (area[i] + area[best] - shared)
            if iou >= iou_threshold:
                scores[i] *= 1 - iou
            if scores[i] < min_score:
                left.remove(i)
    return result


@pytest.mark.parametrize('seed', range(3))
def test_detections_equal_the_definition_in_each_class(nms, seed):
    boxes, scores, labels = skewed_boxes(150, seed)
    expected = {}
    for label in labels.unique():
        own = torch.nonzero(labels == label).flatten()
        result = linear_soft_nms(boxes[own], scores[own], nms.iou_threshold)
        expected.update((int(own[i]), score) for i, score in result.items())
    dets, indices = batched_nms(boxes, scores, labels, nms)
    assert sorted(indices.tolist()) == sorted(expected)
    assert_close(dets[:, :4], boxes[indices])
    order = sorted(expected, key=expected.get, reverse=True)
    assert_close(dets[:, 4], torch.tensor([expected[i] for i in order]))


@pytest.mark.parametrize('count', [1, 100, 1000, 5000])
def test_all_classes_at_once_equals_class_by_class(nms, count):
    inputs = skewed_boxes(count, seed=count)
    together = batched_nms(*inputs, dict(nms, split_thr=count + 1))
    separate = batched_nms(*inputs, dict(nms, split_thr=1))
    assert torch.equal(together[0], separate[0])
    assert torch.equal(together[1], separate[1])


def test_only_the_second_stage_uses_soft_nms(nms):
    assert nms == dict(type='soft_nms', iou_threshold=0.5, split_thr=2500)
    assert Config.fromfile(CONFIG).model.test_cfg.rpn.nms.type == 'nms'
