"""A stem for images of another number of channels."""

import torch

from .weights import ConversionError, Weights


def adapt_stem(weights: Weights, in_channels: int, how: str) -> Weights:
    """Give the stem another number of input channels.

    Args:
        weights: Weights of a stem of any number of channels.
        in_channels: Channels of the images to come.
        how: 'sum' adds the channels up, for one channel; 'repeat' takes them
            in turn and scales by old / new, which keeps the response to equal
            channels where the new number is a multiple of the old.

    Returns:
        New weights without a decoder, which predicts the old channels; the
        others are shared.

    Raises:
        ConversionError: If there are no channels, or ``how`` does not fit
            their number.
    """
    if in_channels < 1:
        raise ConversionError(
            f'images have at least 1 channel, not {in_channels}'
        )
    name = 'backbone.downsample_layers.0.0.weight'
    stem = weights.stem
    old = stem.shape[1]
    if in_channels == old:
        return weights
    if how == 'sum' and in_channels == 1:
        new = stem.sum(dim=1, keepdim=True)
    elif how == 'repeat':
        order = torch.arange(in_channels) % old
        new = stem[:, order] * (old / in_channels)
    else:
        raise ConversionError(
            f'no way {how!r} from {old} to {in_channels} channels; choose '
            "'repeat', or 'sum' for one channel"
        )
    kept = {k: v for k, v in weights.state.items() if k[:5] != 'neck.'}
    return Weights({**kept, name: new}, weights.layout)
