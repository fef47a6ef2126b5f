"""Backbone and classifier as functions of tensors, for export."""

from typing import Any

import torch
from mmpretrain.models.heads import ClsHead, ConformerHead
from torch import Tensor, nn

from ..analysis import encode
from ..trained_models import PixelNormalization
from .pixel_input import PixelInput


class BackboneGraph(nn.Module):
    """The feature maps, or pooled features, of a backbone.

    Args:
        backbone: A backbone of any library; those of MAE and others that mask
            images encode complete ones.
        normalization: Normalization of its input.

    Raises:
        ValueError: If the backbone does not tell its output stages.
    """

    def __init__(
        self, backbone: Any, normalization: PixelNormalization
    ) -> None:
        super().__init__()
        self.pixels = PixelInput(normalization)
        self.backbone = backbone
        stages = getattr(backbone, 'out_indices', None)
        if stages is None:
            raise ValueError(
                f'{type(backbone).__name__} does not tell its output stages '
                '(out_indices)'
            )
        self.output_names = tuple(f'features_{i}' for i in stages)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return one tensor per output stage, (N, C) or (N, C, H, W).

        Args:
            images: See :class:`PixelInput`.
        """
        pixels = self.pixels(images)
        features = encode(self.backbone, pixels.to(dtype_of(self.backbone)))
        return tuple(feature.float() for feature in features)


class ClassifierGraph(nn.Module):
    """The probabilities of classes.

    Args:
        classifier: An ``ImageClassifier`` of MMPretrain.
        normalization: Normalization of its input.

    Raises:
        ValueError: If its head has no softmax over the classes.
    """

    output_names = ('scores',)

    def __init__(
        self, classifier: Any, normalization: PixelNormalization
    ) -> None:
        super().__init__()
        head = getattr(classifier, 'head', None)
        if not isinstance(head, ClsHead) or isinstance(head, ConformerHead):
            raise ValueError(
                'the graph of a classifier needs a head with softmax '
                f'(ClsHead), the config has {type(head).__name__}'
            )
        self.pixels = PixelInput(normalization)
        self.classifier: Any = classifier

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return probabilities (N, classes).

        Args:
            images: See :class:`PixelInput`.
        """
        pixels = self.pixels(images).to(dtype_of(self.classifier))
        logits = self.classifier.head(self.classifier.extract_feat(pixels))
        return (logits.float().softmax(dim=-1),)


def dtype_of(model: nn.Module) -> torch.dtype:
    """Return the type of a model's parameters."""
    return next(model.parameters()).dtype
