"""No silent partial loads: a backbone takes all of a checkpoint or refuses.

The hosts load with ``strict=False`` and log what did not fit. A wrong prefix
or another size then trains from random weights, and nobody notices.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from mmengine.logging import MMLogger
from torch import Tensor, nn

from ..checkpoint import read, read_file


class IncompleteCheckpointError(ValueError):
    """A checkpoint that does not fill the backbone."""


def describe(keys: Mapping[str, Tensor], prefix: str) -> str:
    """Tell depths and channels of the ConvNeXt that a state dict holds.

    Args:
        keys: State dict of any model.
        prefix: What precedes the backbone's own names in it.
    """
    depths: dict[int, int] = {}
    channels: dict[int, int] = {}
    pattern = re.escape(prefix) + r'stages\.(\d+)\.(\d+)\.norm\.weight'
    for key, value in keys.items():
        if match := re.fullmatch(pattern, key):
            stage, block = int(match[1]), int(match[2])
            depths[stage] = max(depths.get(stage, 0), block + 1)
            channels[stage] = value.shape[0]
    return (
        f'depths {[depths[i] for i in sorted(depths)]}, '
        f'channels {[channels[i] for i in sorted(channels)]}'
    )


def check_complete(
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    prefix: str,
) -> None:
    """Refuse a state dict that does not fill the stem, stages and blocks.

    The norms of the output stages may be missing: transfer adds them, and
    pre-training has none.

    Args:
        own: State dict of the backbone, names without prefix.
        given: State dict to load, of the whole model.
        prefix: What precedes the backbone's own names in ``given``.

    Raises:
        IncompleteCheckpointError: If keys are missing, left over or have
            another shape.
    """
    body = {k: v for k, v in own.items() if not k.startswith('norm')}
    rooms = tuple(
        f'{prefix}{room}.' for room in ('downsample_layers', 'stages')
    )
    missing = [k for k in body if prefix + k not in given]
    left_over = [
        k
        for k in given
        if k.startswith(rooms) and k[len(prefix) :] not in body
    ]
    other_shape = [
        f'{k} {tuple(given[prefix + k].shape)} for {tuple(v.shape)}'
        for k, v in body.items()
        if prefix + k in given and given[prefix + k].shape != v.shape
    ]
    if not (missing or left_over or other_shape):
        return
    if len(missing) == len(body):
        found = next((k for k in given if 'stages.0.0.' in k), None)
        start = found and found[: found.index('stages.0.0.')]
        remedy = (
            f"its keys begin with '{start}': set prefix='{start}' in init_cfg"
            if found
            else 'convert it to the layout of mmpretrain first'
        )
        raise IncompleteCheckpointError(
            f'the checkpoint holds nothing of this backbone; {remedy}'
        )
    problems = []
    for problem, keys in (
        ('missing', missing),
        ('left over', left_over),
        ('of another shape', other_shape),
    ):
        if keys:
            more = f' and {len(keys) - 3} more' if len(keys) > 3 else ''
            problems.append(f'{problem}: {", ".join(keys[:3])}{more}')
    holds, has = describe(given, prefix), describe(own, '')
    remedy = 'it was cut or edited: make it again'
    if holds != has or other_shape or left_over:
        remedy = (
            'take a checkpoint of this model, or set arch, in_channels and '
            'use_grn of the backbone to those of the checkpoint'
        )
    raise IncompleteCheckpointError(
        f'the checkpoint does not fit the backbone: it holds {holds}, the '
        f'backbone has {has}; {"; ".join(problems)}; {remedy}'
    )


def load_backbone(backbone: nn.Module, file: str) -> None:
    """Fill a backbone from a checkpoint file of any known layout.

    Args:
        backbone: A ``ConvNeXtV2``.
        file: Path of the file.

    Raises:
        ValueError: If the file cannot be read or does not fill the backbone.
    """
    state, _ = read_file(Path(file))
    weights = read(state)
    start = 'backbone.'
    result = backbone.load_state_dict(
        {
            key.removeprefix(start): value
            for key, value in weights.state.items()
            if key.startswith(start)
        },
        strict=False,
    )
    log = MMLogger.get_current_instance()
    log.info(f'backbone from {file}, {weights.layout} layout')
    for what, keys in (
        ('new here', result.missing_keys),
        ('not needed', result.unexpected_keys),
    ):
        if keys:
            log.info(f'{what}: {", ".join(keys)}')
