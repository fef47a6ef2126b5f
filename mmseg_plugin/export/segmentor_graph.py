"""A segmentor as a function of tensors, for export."""

from typing import Any

import torch.nn.functional as F
from mmengine.model import revert_sync_batchnorm
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from mmpretrain_plugin.export import (
    PixelInput,
    dtype_of,
    replace_adaptive_pooling,
)
from mmpretrain_plugin.trained_models import PixelNormalization


class SegmentorGraph(nn.Module):
    """Logits of the classes of each pixel, of complete images.

    Args:
        segmentor: The trained segmentor; its pooling layers are replaced.
        normalization: Normalization of its input.

    Raises:
        ValueError: If the segmentor has several decode heads, or one without
            a map of logits, such as Mask2Former's.
    """

    output_names = ('logits',)

    def __init__(
        self, segmentor: EncoderDecoder, normalization: PixelNormalization
    ) -> None:
        super().__init__()
        head = getattr(segmentor, 'decode_head', None)
        if not hasattr(head, 'cls_seg'):
            raise ValueError(
                f'{type(segmentor).__name__} with {type(head).__name__} has '
                'no map of logits'
            )
        self.pixels = PixelInput(normalization)
        segmentor = revert_sync_batchnorm(segmentor)
        replace_adaptive_pooling(segmentor)
        self.segmentor: Any = segmentor

    @property
    def replaces_sliding_windows(self) -> bool:
        """Whether the segmentor itself slides a window over an image."""
        return self.segmentor.test_cfg.get('mode') == 'slide'

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return logits (N, classes, H, W).

        Args:
            images: See :class:`mmpretrain_plugin.export.PixelInput`.
        """
        pixels = self.pixels(images).to(dtype_of(self.segmentor))
        maps = self.segmentor.extract_feat(pixels)
        logits = self.segmentor.decode_head(maps).float()
        return (
            F.interpolate(
                logits,
                size=images.shape[-2:],
                mode='bilinear',
                align_corners=self.segmentor.align_corners,
            ),
        )
