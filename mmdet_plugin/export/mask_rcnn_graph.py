"""Mask R-CNN as a function of tensors, for export."""

from typing import Any

import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.models.detectors import MaskRCNN
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor, nn
from torchvision.ops import box_iou, nms, roi_align

from mmpretrain_plugin.export import PixelInput, dtype_of
from mmpretrain_plugin.trained_models import PixelNormalization

# Two detections are the same object if they overlap this much.
SAME_IOU = 0.9


class MaskRCNNGraph(nn.Module):
    """Boxes, scores, labels and masks of one image.

    It computes what MMDetection's ``predict`` does, with the layers of the
    detector and operations that ONNX has. Soft-NMS is none of them: hard NMS
    with the same threshold is in its place.

    Args:
        detector: The trained detector.
        normalization: Normalization of its input.

    Raises:
        ValueError: If a part of the detector is of another class than those
            of Mask R-CNN.
    """

    output_names = ('boxes', 'scores', 'labels', 'masks')

    def __init__(
        self, detector: MaskRCNN, normalization: PixelNormalization
    ) -> None:
        super().__init__()
        _check_parts(detector)
        divisor = detector.data_preprocessor.pad_size_divisor
        self.pixels = PixelInput(normalization, divisor)
        self.detector = detector

    @property
    def replaces_soft_nms(self) -> bool:
        """Whether the detector itself suppresses boxes by soft-NMS."""
        return self.detector.test_cfg.rcnn.nms.get('type') == 'soft_nms'

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Detect objects.

        Args:
            images: One image (1, C, H, W); see
                :class:`mmpretrain_plugin.export.PixelInput`.

        Returns:
            Boxes (n, 4) in pixels (left, top, right, bottom), scores (n) in
            descending order, labels (n) from 0 on, and the probabilities
            (n, 28, 28) of the mask inside of each box; n is at most
            ``test_cfg.rcnn.max_per_img``.
        """
        size = images.shape[-2:]
        pixels = self.pixels(images).to(dtype_of(self.detector))
        maps = self.detector.extract_feat(pixels)
        proposals = self._proposals(maps, size)
        boxes, scores, labels = self._boxes(maps, proposals, size)
        return boxes, scores, labels, self._masks(maps, boxes, labels)

    def match(
        self, expected: tuple[Tensor, ...], got: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Pair detections, whose order changes with the last digit of scores.

        Args:
            expected: Outputs of this graph.
            got: Outputs of its export.

        Returns:
            Those detections of both that have a partner of the same label and
            almost the same box, in the same order.
        """
        overlaps = box_iou(expected[0], got[0])
        overlaps[expected[2][:, None] != got[2]] = 0
        rows, columns = (overlaps > SAME_IOU).nonzero(as_tuple=True)
        best = overlaps[rows, columns].argsort(descending=True)
        pairs: dict[int, int] = {}
        for row, column in zip(rows[best].tolist(), columns[best].tolist()):
            if row not in pairs and column not in pairs.values():
                pairs[row] = column
        return (
            tuple(value[list(pairs)] for value in expected),
            tuple(value[list(pairs.values())] for value in got),
        )

    def _proposals(self, maps: tuple[Tensor, ...], size: torch.Size) -> Tensor:
        """Return the boxes of the region proposal network (n, 4)."""
        head = self.detector.rpn_head
        settings = self.detector.test_cfg.rpn
        all_scores, all_deltas = head(maps)
        anchors = head.prior_generator.grid_priors(
            [scores.shape[-2:] for scores in all_scores],
            device=maps[0].device,
        )
        boxes, scores, levels = [], [], []
        for i, (score, delta, anchor) in enumerate(
            zip(all_scores, all_deltas, anchors)
        ):
            score = score[0].permute(1, 2, 0).flatten().float().sigmoid()
            delta = delta[0].permute(1, 2, 0).reshape(-1, 4).float()
            count, limit = score.shape[0], settings.get('nms_pre', -1)
            if limit > 0:
                count = torch.sym_min(limit, count)
            best, kept = score.topk(count)
            box = head.bbox_coder.decode(anchor[kept], delta[kept])
            boxes.append(_clip(box, size))
            scores.append(best)
            levels.append(torch.full_like(kept, i))
        box, score, level = map(torch.cat, (boxes, scores, levels))
        sides = box[:, 2:] - box[:, :2]
        smallest = settings.get('min_bbox_size', -1)
        large = (sides > smallest).all(dim=1).nonzero()[:, 0]
        box, score, level = box[large], score[large], level[large]
        kept = _nms(box, score, level, size, settings.nms.iou_threshold)
        proposals = box[kept[: settings.max_per_img]]
        # NMS keeps the best one; the coder asks whether there is any.
        torch._check(proposals.shape[0] > 0)
        return proposals

    def _boxes(
        self,
        maps: tuple[Tensor, ...],
        proposals: Tensor,
        size: torch.Size,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Classify and refine proposals (n, 4)."""
        head = self.detector.roi_head.bbox_head
        settings = self.detector.test_cfg.rcnn
        extractor = self.detector.roi_head.bbox_roi_extractor
        logits, deltas = head(_regions(extractor, maps, proposals))
        scores = logits.float().softmax(dim=-1)[:, :-1]
        classes = scores.shape[1]
        # One box per class, or one for all of them.
        deltas = deltas.float().unflatten(1, (-1, 4)).expand(-1, classes, 4)
        boxes = head.bbox_coder.decode(
            proposals.repeat_interleave(classes, dim=0),
            deltas.reshape(-1, 4),
        )
        boxes = _clip(boxes, size)
        scores = scores.flatten()
        found = (scores > settings.score_thr).nonzero()[:, 0]
        boxes, scores, labels = boxes[found], scores[found], found % classes
        threshold = settings.nms.iou_threshold
        kept = _nms(boxes, scores, labels, size, threshold)
        kept = kept[: settings.max_per_img]
        return boxes[kept], scores[kept], labels[kept]

    def _masks(
        self, maps: tuple[Tensor, ...], boxes: Tensor, labels: Tensor
    ) -> Tensor:
        """Return the probabilities of masks (n, 28, 28)."""
        roi_head = self.detector.roi_head
        # One more, as some layers cannot run on nothing in onnxruntime.
        boxes = torch.cat([boxes, boxes.new_zeros(1, 4)])
        logits = roi_head.mask_head(
            _regions(roi_head.mask_roi_extractor, maps, boxes)
        )[:-1]
        if roi_head.mask_head.class_agnostic:
            labels = torch.zeros_like(labels)
        of_label = labels[:, None, None, None].expand(
            -1, 1, *logits.shape[-2:]
        )
        return logits.float().gather(1, of_label)[:, 0].sigmoid()


def _check_parts(detector: Any) -> None:
    """Raise an error if the graph would compute something else.

    Raises:
        ValueError: If a part is of another class than in Mask R-CNN.
    """
    roi_head = getattr(detector, 'roi_head', None)
    parts = (
        (detector, MaskRCNN),
        (getattr(detector, 'rpn_head', None), RPNHead),
        (roi_head, StandardRoIHead),
        (getattr(roi_head, 'bbox_head', None), ConvFCBBoxHead),
        (getattr(roi_head, 'mask_head', None), FCNMaskHead),
        (getattr(roi_head, 'bbox_roi_extractor', None), SingleRoIExtractor),
        (getattr(roi_head, 'mask_roi_extractor', None), SingleRoIExtractor),
    )
    for part, kind in parts:
        if not isinstance(part, kind):
            raise ValueError(
                f'the graph of Mask R-CNN needs {kind.__name__}, the config '
                f'has {type(part).__name__}'
            )
    if not detector.rpn_head.use_sigmoid_cls:
        raise ValueError('the graph of Mask R-CNN needs an RPN with sigmoid')
    if roi_head.bbox_head.custom_cls_channels:
        raise ValueError('the graph of Mask R-CNN needs softmax scores')


def _clip(boxes: Tensor, size: torch.Size) -> Tensor:
    """Clip boxes to an image; the coder's own way fails in an export."""
    height, width = size
    x, y = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)
    return torch.stack([x, y], dim=2).flatten(1)


def _nms(
    boxes: Tensor,
    scores: Tensor,
    groups: Tensor,
    size: torch.Size,
    threshold: float,
) -> Tensor:
    """Suppress boxes that overlap a better one of the same group.

    Args:
        boxes: Boxes (n, 4) inside of the image.
        scores: Scores (n).
        groups: Number of the group of each box (n).
        size: Height and width of the image.
        threshold: Overlap, as intersection over union.

    Returns:
        Indices of the boxes that are kept, in descending order of scores.
    """
    height, width = size
    # Far from each other, boxes of two groups do not overlap.
    shift = groups.to(boxes) * (torch.sym_max(height, width) + 1)
    return nms(boxes + shift[:, None], scores, threshold)


def _regions(
    extractor: Any, maps: tuple[Tensor, ...], boxes: Tensor
) -> Tensor:
    """Pool each box from the map of its level: (n, C, k, k)."""
    boxes = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)
    layers = extractor.roi_layers
    levels = extractor.map_roi_levels(boxes, len(layers))
    result = torch.zeros(())
    for i, (layer, features) in enumerate(zip(layers, maps)):
        of_level = levels == i
        pooled = roi_align(
            features.float(),  # coordinates need fp32
            # Boxes of other levels are emptied, which costs least.
            torch.where(of_level[:, None], boxes, 0),
            layer.output_size,
            layer.spatial_scale,
            layer.sampling_ratio,
            aligned=layer.aligned,
        )
        result = result + pooled * of_level[:, None, None, None]
    return result.to(maps[0].dtype)
