"""The graph for export computes what MMDetection's own code predicts."""

import cv2
import onnxruntime
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch.testing import assert_close

from mmdet_plugin.export import MaskRCNNGraph
from mmpretrain_plugin.export import differences, run_onnx, write_onnx
from mmpretrain_plugin.trained_models.pixel_normalization import (
    find_normalization,
)
from tests.helpers.shell_commands import code_blocks
from tests.test_configs import CONFIGS

DEMO = CONFIGS / 'demo/mask-rcnn_convnextv2-atto_digits.py'
SIZE = (90, 120)  # height is padded, to 96


def load_config(nms='nms'):
    cfg = Config.fromfile(DEMO)
    cfg.model.backbone.arch = dict(
        depths=(1, 1, 1, 1), channels=(8, 80, 160, 320)
    )
    cfg.model.test_cfg.rcnn.update(
        nms=dict(type=nms, iou_threshold=0.5), score_thr=0.1
    )
    return cfg


def build(cfg):
    """Build a detector whose random weights find something."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_normal_(parameter)
    return model.eval()


def graph_of(cfg):
    return MaskRCNNGraph(build(cfg), find_normalization(cfg)).eval()


def predict(model, image):
    """Predict as MMDetection does, for an image (3, H, W) in BGR."""
    sample = DetDataSample(
        metainfo=dict(img_shape=SIZE, ori_shape=SIZE, scale_factor=(1.0, 1.0))
    )
    data = model.data_preprocessor(dict(inputs=[image], data_samples=[sample]))
    with torch.no_grad():
        (result,) = model.predict(data['inputs'], data['data_samples'])
    return result.pred_instances


def random_image():
    generator = torch.Generator().manual_seed(2)
    return torch.randint(256, (3, *SIZE), generator=generator).to(torch.uint8)


@pytest.mark.parametrize(
    ('per_class', 'pooling'),
    [
        (False, {}),
        (True, {}),
        (False, dict(sampling_ratio=2)),
        (False, dict(aligned=False)),
    ],
)
def test_it_equals_mmdetection(per_class, pooling):
    """With one box and mask for all classes, or one for each."""
    cfg = load_config()
    for part in ('bbox', 'mask'):
        cfg.model.roi_head[f'{part}_roi_extractor'].roi_layer.update(pooling)
    cfg.model.roi_head.bbox_head.reg_class_agnostic = not per_class
    cfg.model.roi_head.mask_head.class_agnostic = not per_class
    graph, image = graph_of(cfg), random_image()
    expected = predict(graph.detector, image)
    assert len(expected) > 20 and len(expected.labels.unique()) > 1
    with torch.no_grad():
        boxes, scores, labels, masks = graph(image.flip(0)[None].float())
    assert_close(boxes, expected.bboxes, rtol=0, atol=1e-3)
    assert_close(scores, expected.scores)
    assert torch.equal(labels, expected.labels)
    names = page_functions()
    for mask, box, wanted in zip(masks.numpy(), boxes, expected.masks):
        pasted = names['paste'](mask, box.tolist(), *SIZE)
        # OpenCV interpolates in steps of 1/32 pixel.
        assert (pasted == wanted.numpy()).mean() > 0.995


def page_functions():
    """Return the functions that docs/export.md shows."""
    page = (CONFIGS.parent / 'docs/export.md').read_text()
    (source,) = (s for s in code_blocks(page, 'python') if 'def paste' in s)
    names = {}
    exec(compile(source, 'page', 'exec'), names)
    return names


@pytest.mark.slow
def test_the_page_detects_in_photographs_of_any_size(tmp_path):
    """As MMDetection does for the resized image."""
    graph, path = graph_of(load_config()), tmp_path / 'a.onnx'
    write_onnx(graph, random_image()[None].float(), path, {})
    session = onnxruntime.InferenceSession(path)
    image = random_image().permute(1, 2, 0).numpy()
    large = cv2.resize(image, None, fx=3, fy=3)
    cv2.imwrite(str(tmp_path / 'a.png'), large)
    boxes, scores, _, masks = page_functions()['detect'](
        session, str(tmp_path / 'a.png'), long=SIZE[1], short=SIZE[0]
    )
    assert masks.shape == (len(boxes), 3 * SIZE[0], 3 * SIZE[1])
    small = torch.from_numpy(cv2.resize(large, SIZE[::-1])).permute(2, 0, 1)
    expected = predict(graph.detector, small)
    # ONNX Runtime adds in another order than PyTorch.
    assert_close(torch.from_numpy(scores), expected.scores, atol=0, rtol=1e-3)
    assert_close(
        torch.from_numpy(boxes).float(), 3 * expected.bboxes, atol=1e-2, rtol=0
    )


@pytest.mark.slow
@pytest.mark.parametrize('is_dynamic', [False, True])
def test_the_file_equals_the_graph(is_dynamic, tmp_path):
    graph, path = graph_of(load_config()), tmp_path / 'a.onnx'
    image = random_image()[None].float()
    axes = {2: 'height', 3: 'width'} if is_dynamic else {}
    write_onnx(graph, image, path, axes)
    images = [image, torch.cat([image, image.flip(-1)], dim=3)]
    for image in images[: 1 + is_dynamic]:
        with torch.no_grad():
            expected = graph(image)
        got = run_onnx(path, image)
        assert len(expected[0]) > 20
        expected, got = graph.match(expected, got)
        assert len(got[0]) > 20
        for difference in differences(graph.output_names, expected, got):
            assert difference.relative < 1e-4, difference


@pytest.mark.slow
@pytest.mark.parametrize(('threshold', 'count'), [(0.99, 0), (None, 1)])
def test_few_detections(threshold, count, tmp_path):
    cfg = load_config()
    cfg.model.test_cfg.rcnn.score_thr = threshold
    graph, path = graph_of(cfg), tmp_path / 'a.onnx'
    image = random_image()[None].float()
    if count:
        graph.detector.test_cfg.rcnn.score_thr = 0.1
        with torch.no_grad():
            first, second = graph(image)[1][:2]
        between = (first.item() + second.item()) / 2
        graph.detector.test_cfg.rcnn.score_thr = between
    write_onnx(graph, image, path, {})
    got = run_onnx(path, image)
    assert [len(value) for value in got] == [count] * 4
    with torch.no_grad():
        expected = graph(image)
    for difference in differences(graph.output_names, expected, got):
        assert difference.relative < 1e-4


def test_detections_are_matched_by_label_and_box():
    boxes = torch.tensor([[0, 0, 9, 9], [20, 20, 30, 30], [0, 0, 9, 9.1]])
    scores, labels = torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 2, 3])
    expected = (boxes, scores, labels, torch.arange(3))
    order = [2, 0]  # other order, and one is not found
    got = tuple(value[order] for value in expected)
    graph = graph_of(load_config())
    one, other = graph.match(expected, got)
    assert sorted(one[3].tolist()) == [0, 2]
    assert all(torch.equal(a, b) for a, b in zip(one, other))


def test_soft_nms_is_known():
    assert graph_of(load_config('soft_nms')).replaces_soft_nms
    assert not graph_of(load_config()).replaces_soft_nms


def test_other_detectors_are_refused():
    cfg = load_config()
    cfg.model.roi_head.bbox_head.loss_cls = dict(
        type='SeesawLoss', num_classes=10
    )
    with pytest.raises(ValueError, match='softmax'):
        graph_of(cfg)
    with pytest.raises(ValueError, match='needs MaskRCNN, .* has Linear'):
        MaskRCNNGraph(torch.nn.Linear(1, 1), None)
