"""No silent partial loads: a backbone takes all of a checkpoint or refuses.

The hosts load with ``strict=False`` and log what did not fit. A wrong prefix
or another size then trains from random weights, and nobody notices.
"""

from collections.abc import Mapping
from pathlib import Path

from mmengine.logging import MMLogger
from mmengine.model import PretrainedInit
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import Tensor, nn

from ..checkpoint import (
    ConversionError,
    IncompleteCheckpointError,
    Weights,
    differences,
    download,
    read,
    read_file,
    recognize,
)


def describe(keys: Mapping[str, Tensor], prefix: str) -> str:
    """Tell depths and channels of the ConvNeXt that a state dict holds.

    Args:
        keys: State dict of any model.
        prefix: What precedes the backbone's own names in it.
    """
    weights = Weights(
        {
            f'backbone.{key.removeprefix(prefix)}': value
            for key, value in keys.items()
            if key.startswith(prefix)
        },
        'mmpretrain',
    )
    return f'depths {weights.depths}, channels {weights.channels}'


def layout_of(given: Mapping[str, Tensor]) -> str | None:
    """Name the layout of a state dict, None for that of no ConvNeXt."""
    try:
        return recognize(given).name
    except ConversionError:
        return None


def remedy_for_none(given: Mapping[str, Tensor], prefix: str) -> str:
    """Say what to do with a checkpoint without one key of the backbone.

    Inside a model, torch shows a part the keys of its own name alone, so that
    nothing is known of the others.
    """
    layout = layout_of(given)
    has = f'{layout} layout' if layout else f"no key begins with '{prefix}'"
    return (
        f'{has}: name the file in init_cfg of the backbone, which takes every '
        'layout, or convert it with tools/convert_checkpoint.py'
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
    found = differences(
        {key: value.shape for key, value in body.items()},
        {k[len(prefix) :]: v for k, v in given.items() if k.startswith(rooms)},
    )
    if not any(found.values()):
        return
    # The official layout has some names in common with this one.
    if len(found['missing']) == len(body) or layout_of(given) == 'official':
        raise IncompleteCheckpointError(
            'the checkpoint holds nothing of this backbone; '
            f'{remedy_for_none(given, prefix)}'
        )
    problems = []
    for problem, keys in found.items():
        if keys:
            problems.append(f'{problem}: {", ".join(keys)}')
    holds, has = describe(given, prefix), describe(own, '')
    remedy = 'it was cut or edited: make it again'
    if holds != has or found['of another shape'] or found['left over']:
        remedy = (
            'take a checkpoint of this model, or set arch, in_channels and '
            'use_grn of the backbone to those of the checkpoint'
        )
    raise IncompleteCheckpointError(
        f'the checkpoint does not fit the backbone: it holds {holds}, the '
        f'backbone has {has}; {"; ".join(problems)}; {remedy}'
    )


def pretrained_file(init_cfg: dict) -> str | None:
    """Return what a 'Pretrained' initializer loads, None for another one.

    Raises:
        ValueError: If one is hidden in the override of another initializer,
            where the host would open its file.
    """
    override = init_cfg.get('override') or []
    parts = [override] if isinstance(override, dict) else override
    if any(is_pretrained(part) for part in parts):
        raise ValueError(
            "a backbone takes no 'Pretrained' in the override of another "
            'initializer; make it an entry of the list init_cfg'
        )
    return str(init_cfg['checkpoint']) if is_pretrained(init_cfg) else None


def is_pretrained(init_cfg: dict) -> bool:
    """Tell a 'Pretrained' initializer, by whatever scope it is named."""
    kind = init_cfg.get('type')
    if isinstance(kind, str):
        kind = WEIGHT_INITIALIZERS.get(kind)
    return isinstance(kind, type) and issubclass(kind, PretrainedInit)


def is_ours(file: str) -> bool:
    """Tell a local file or a web address from what only a host can open."""
    return '://' not in file or is_web(file)


def is_web(file: str) -> bool:
    """Tell a web address."""
    return file.startswith(('http://', 'https://'))


def load_backbone(backbone: nn.Module, file: str) -> None:
    """Fill a backbone from a checkpoint file of any known layout.

    Args:
        backbone: A ``ConvNeXtV2``.
        file: Path of the file, or an address that begins with 'http'.

    Raises:
        ValueError: If the file cannot be read or does not fill the backbone;
            it names the file.
    """
    state, _ = read_file(download(file) if is_web(file) else Path(file))
    try:
        weights = read(state)
        result = backbone.load_state_dict(weights.backbone, strict=False)
    except ValueError as error:
        raise IncompleteCheckpointError(f'{file}: {error}') from None
    log = MMLogger.get_current_instance()
    log.info(f'backbone from {file}, {weights.layout} layout')
    for what, keys in (
        ('new here', result.missing_keys),
        ('not needed', result.unexpected_keys),
    ):
        if keys:
            log.info(f'{what}: {", ".join(keys)}')
