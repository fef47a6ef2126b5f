"""Whether weights are a whole ConvNeXt, and nothing else: all or an error."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from .weights import ConversionError, State, Weights

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_values(state: State) -> None:
    """Refuse weights that are no finite floating-point numbers.

    Raises:
        ConversionError: With every key that is wrong.
    """
    others = [
        f'{k} {v.dtype}' for k, v in state.items() if v.dtype not in DTYPES
    ]
    if others:
        raise ConversionError(
            'weights are not floating-point numbers of 16 bits or more: '
            f'{", ".join(others)}'
        )
    broken = [k for k, v in state.items() if not torch.isfinite(v).all()]
    if broken:
        raise ConversionError(
            f'weights are NaN or infinite: {", ".join(broken)}'
        )


def expected_shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
    """List the tensors that a whole backbone, and a classifier, has.

    Depths and widths are read from the weights; so are the choices that a
    backbone leaves open: the stem's patch and channels, GRN, layer scale.
    """
    depths, channels = weights.depths, weights.channels
    stem = weights.state.get('backbone.downsample_layers.0.0.weight')
    whole = stem is not None and stem.dim() == 4
    in_channels, patch = stem.shape[1:3] if whole else (0, 0)
    has_grn, has_scale = weights.has_grn, weights.has_scale
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, *weight: int) -> None:
        shapes[f'{name}.weight'] = weight
        shapes[f'{name}.bias'] = weight[:1]

    def add_block(name: str, c: int, grn: bool, scale: bool) -> None:
        add(f'{name}.depthwise_conv', c, 1, 7, 7)
        add(f'{name}.norm', c)
        add(f'{name}.pointwise_conv1', 4 * c, c)
        add(f'{name}.pointwise_conv2', c, 4 * c)
        if grn:
            for part in ('gamma', 'beta'):
                shapes[f'{name}.grn.{part}'] = (4 * c,)
        if scale:
            shapes[f'{name}.gamma'] = (c,)

    previous = in_channels
    for s, (depth, c) in enumerate(zip(depths, channels)):
        down = f'backbone.downsample_layers.{s}'
        if s == 0:
            add(f'{down}.0', c, in_channels, patch, patch)
            add(f'{down}.1', c)
        else:
            add(f'{down}.0', previous)
            add(f'{down}.1', c, previous, 2, 2)
        for b in range(depth):
            add_block(f'backbone.stages.{s}.{b}', c, has_grn, has_scale)
        if f'backbone.norm{s}.weight' in weights.state:
            add(f'backbone.norm{s}', c)
        previous = c
    if 'head.fc.weight' in weights.state:
        add('head.fc', first_side(weights.state, 'head.fc.weight'), previous)
        add(f'backbone.norm{len(depths) - 1}', previous)
    if any(key.startswith('neck.') for key in weights.state):
        width = first_side(weights.state, 'neck.proj.weight')
        add('neck.proj', width, previous, 1, 1)
        shapes['neck.mask_token'] = (1, width, 1, 1)
        for b in decoder_blocks(weights.state):
            add_block(f'neck.decoder.{b}', width, grn=True, scale=False)
        pixels = first_side(weights.state, 'neck.pred.weight')
        add('neck.pred', pixels, width, 1, 1)
    return shapes


def first_side(state: State, name: str) -> int:
    """Return the first side of a tensor, 0 if it is missing or has none."""
    return next(iter(state[name].shape), 0) if name in state else 0


def decoder_blocks(state: State) -> list[str]:
    """Number the blocks of FCMAE's decoder: all up to the last that is there.

    Raises:
        ConversionError: If a number is larger than the file can be.
    """
    found = {
        int(m[1])
        for key in state
        if (m := re.match(r'neck\.decoder\.(\d{1,4})\.', key))
    }
    last = max(found, default=0)
    if last > len(state):
        raise ConversionError(f'neck.decoder.{last} counts beyond its file')
    return [str(b) for b in range(last + 1)]


def check(weights: Weights, left_over: list[str], twice: list[str]) -> None:
    """Refuse weights that are not a whole backbone, or more than known parts.

    Args:
        weights: What was translated.
        left_over: Keys, under their own names, that no rule translates.
        twice: Keys whose weight another key had given already.

    Raises:
        ConversionError: With every key that is wrong.
    """
    found = differences(expected_shapes(weights), weights.state)
    found['left over'] = left_over + found['left over']
    found['there twice'] = twice
    problems = [
        f'{problem}: {", ".join(keys)}'
        for problem, keys in found.items()
        if keys
    ]
    if problems:
        raise ConversionError(
            f'the weights ({weights.layout} layout) are not a whole ConvNeXt '
            f'of depths {weights.depths}; {"; ".join(problems)}'
        )


def differences(
    wanted: Mapping[str, tuple[int, ...]], state: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """List what is wrong with a state dict.

    Args:
        wanted: Shapes by names.
        state: State dict.

    Returns:
        The names that are missing, left over, or of another shape.
    """
    return {
        'missing': [key for key in wanted if key not in state],
        'left over': [key for key in state if key not in wanted],
        'of another shape': [
            f'{key} {tuple(state[key].shape)} for {tuple(shape)}'
            for key, shape in wanted.items()
            if key in state and state[key].shape != shape
        ],
    }
