"""Adaptation of the stem to another number of input channels."""

from dataclasses import replace

import torch

from .errors import ConversionError
from .weights import Weights

STEM = 'downsample_layers.0.0.weight'


def adapt_stem(weights: Weights, in_channels: int, method: str) -> Weights:
    """Return weights whose stem accepts another number of input channels.

    Args:
        weights: Weights of a stem with any number of input channels.
        in_channels: New number of input channels.
        method: 'sum' adds up the old channels to get one; 'repeat' cycles
            through them and scales by old / new, which keeps the activations
            for equal channels if the new number is a multiple of the old.

    Returns:
        New weights, without the decoder, which predicts the old channels.
        The other tensors are shared with the old weights.

    Raises:
        ConversionError: If ``in_channels`` is less than 1, or the method is
            unknown or does not support that number.
    """
    if in_channels < 1:
        raise ConversionError(
            f'images have at least 1 channel, not {in_channels}'
        )
    stem = weights.backbone[STEM]
    old = stem.shape[1]
    if in_channels == old:
        return weights
    if method == 'sum' and in_channels == 1:
        stem = stem.sum(dim=1, keepdim=True)
    elif method == 'repeat':
        order = torch.arange(in_channels) % old
        stem = stem[:, order] * (old / in_channels)
    else:
        raise ConversionError(
            f'method {method!r} cannot change {old} channels to '
            f"{in_channels}; choose 'repeat', or 'sum' for one channel"
        )
    backbone = {**weights.backbone, STEM: stem}
    return replace(weights, backbone=backbone, decoder={})
