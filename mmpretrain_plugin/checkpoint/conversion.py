"""Conversion between checkpoint formats: state dict in, state dict out."""

import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from .errors import ConversionError
from .formats import FORMATS, detect_format
from .key_tables import without_module
from .validation import check_weights
from .weights import State, Weights

# Names of FCMAE's decoder, as opposed to other necks such as FPN.
DECODER = re.compile(r'(proj|pred)\.\w+|mask_token|decoder\.\d+\..+')


def to_weights(
    state_dict: Mapping[str, Tensor], extra: Collection[str] = ()
) -> Weights:
    """Convert a state dict of any format to this project's names.

    Args:
        state_dict: State dict, without a container around it.
        extra: Names of the backbone that a ConvNeXt does not have, but may be
            there, such as those of a layer in the place of GRN.

    Returns:
        Complete weights.

    Raises:
        ConversionError: If the format is unknown, or a shape is not one of
            the format.
        IncompleteCheckpointError: If keys are missing, unexpected, duplicated
            with other values, or have a wrong shape or values that are not
            finite; the message lists all of them.
    """
    table = detect_format(state_dict)
    weights = Weights(source_format=table.name)
    keys: dict[tuple[str, str], str] = {}
    unknown, duplicated = [], []
    for key, value in state_dict.items():
        try:
            entry = table.read_key(table.canonical_key(key), value)
        except (RuntimeError, IndexError) as error:
            raise ConversionError(
                f'{key} has shape {tuple(value.shape)}, which the '
                f'{table.name} format does not have: {error}'
            ) from None
        if entry is None:
            unknown.append(key)
            continue
        part, name, tensor = entry
        if known := keys.get((part, name)):
            if not is_same(value, state_dict[known]):
                duplicated.append(f'{key} and {known}')
            continue
        keys[part, name] = key
        getattr(weights, part)[name] = tensor.contiguous()
    if not all(DECODER.fullmatch(name) for name in weights.decoder):
        unknown += [keys['decoder', name] for name in weights.decoder]
        weights.decoder = {}
    # Detectors and segmentors have other parts beside the backbone.
    if any(is_in_backbone(key) for key in state_dict):
        weights.others = [k for k in unknown if not is_in_backbone(k)]
        unknown = [key for key in unknown if is_in_backbone(key)]
    check_weights(weights, unknown, duplicated, extra)
    return weights


def is_same(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors are equal in type, shape and values."""
    return a.dtype == b.dtype and torch.equal(a, b)


def is_in_backbone(key: str) -> bool:
    """Return whether a key belongs to the backbone of a larger model."""
    return without_module(key).startswith('backbone.')


def to_state_dict(
    weights: Weights, target: str, backbone_only: bool = False
) -> tuple[State, list[str]]:
    """Convert weights to a state dict of a format.

    Args:
        weights: Complete weights.
        target: Name of the format.
        backbone_only: Whether to leave out classifier and decoder.

    Returns:
        The state dict, and the names of weights that the format cannot hold.

    Raises:
        ConversionError: If the format is unknown, or cannot hold weights that
            the network does not work without.
    """
    if target not in FORMATS:
        raise ConversionError(
            f'unknown format {target!r}; choose from {", ".join(FORMATS)}'
        )
    table = FORMATS[target]
    architecture = weights.architecture
    if table.v1_only and (
        architecture.use_grn or not architecture.layer_scale
    ):
        others = [n for n, table in FORMATS.items() if not table.v1_only]
        raise ConversionError(
            f'the {target} format has blocks of ConvNeXt V1 only, with a '
            f'layer scale and without GRN; these weights have {architecture}; '
            f'choose from {", ".join(others)}'
        )
    state: State = {}
    dropped = []
    for part, name, value in weights.items():
        if backbone_only and part != 'backbone':
            continue
        entry = table.write_key(part, name, value)
        if entry:
            state[entry[0]] = entry[1].contiguous()
        else:
            dropped.append(f'{part}.{name}')
    essential = ('backbone.stages.', 'backbone.downsample_layers.')
    lost = [name for name in dropped if name.startswith(essential)]
    if lost:
        raise ConversionError(
            f'the {target} format cannot hold {", ".join(lost)}, without '
            'which the network computes something else'
        )
    return table.finish(state, architecture), dropped
