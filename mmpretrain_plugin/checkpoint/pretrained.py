"""Loading of a backbone from its ``init_cfg``.

mmengine loads with ``strict=False`` and logs missing keys: with a wrong
prefix or another model size, training starts from random weights. It also
unpickles any object. The functions here do neither.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from mmengine.logging import MMLogger
from mmengine.model import PretrainedInit
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.runner import CheckpointLoader
from torch import nn

from .conversion import to_weights
from .download import download_checkpoint
from .errors import CheckpointFileError, IncompleteCheckpointError
from .files import find_state_dict, read_file
from .grn_weights import GRN_OPTIONS, apply_grn_option, names_in_grn_place
from .key_tables import without_module, without_prefix
from .validation import check_backbone_weights
from .weights import State


def split_initializers(
    init_cfg: dict | Iterable[dict] | None,
) -> tuple[list[dict], list[dict]]:
    """Return the 'Pretrained' initializers of a config, and the others.

    Args:
        init_cfg: One initializer, several, or None.

    Raises:
        ValueError: If the override of an initializer is 'Pretrained': mmengine
            would open its file without the checks of this module.
    """
    configs = [init_cfg] if isinstance(init_cfg, dict) else init_cfg or []
    pretrained: list[dict] = []
    others: list[dict] = []
    for config in configs:
        override = config.get('override') or []
        for part in [override] if isinstance(override, dict) else override:
            if is_pretrained(part):
                raise ValueError(
                    "the backbone does not support 'Pretrained' in override "
                    f'({part}); make it an entry of the list init_cfg'
                )
        (pretrained if is_pretrained(config) else others).append(config)
    return pretrained, others


def is_pretrained(init_cfg: dict) -> bool:
    """Return whether an initializer is 'Pretrained', in any scope."""
    kind = init_cfg.get('type')
    if isinstance(kind, str):
        kind = WEIGHT_INITIALIZERS.get(kind)
    return isinstance(kind, type) and issubclass(kind, PretrainedInit)


def load_pretrained(backbone: nn.Module, init_cfg: dict) -> None:
    """Load all weights of a backbone from a checkpoint in any format.

    Args:
        backbone: A ``ConvNeXtV2``.
        init_cfg: Initializer of type 'Pretrained', with ``checkpoint``: a
            path, an http address, or an address of another scheme, which
            mmengine loads. With ``prefix``, only keys that begin with it are
            loaded. ``grn`` is 'load' (default); 'drop', which leaves out the
            GRN weights of the checkpoint; or 'zero', which sets those that it
            does not have to zero (see ``grn_weights.py``).

    Raises:
        ValueError: If the checkpoint cannot be read or does not fit the
            backbone, or ``grn`` does not apply; the message begins with the
            file or the address.
    """
    options = {key: v for key, v in init_cfg.items() if key != 'type'}
    grn = options.pop('grn', 'load')
    initializer = PretrainedInit(**options)
    file = str(initializer.checkpoint)
    try:
        state = remove_prefix(read_state_dict(file), initializer.prefix)
        weights = to_weights(state, names_in_grn_place(backbone))
        weights.backbone, changed = apply_grn_option(
            weights.backbone, backbone, grn
        )
        check_backbone_weights(backbone, weights.backbone, '')
    except CheckpointFileError:
        raise  # it names the file
    except ValueError as error:
        raise IncompleteCheckpointError(f'{file}: {error}') from None
    result = backbone.load_state_dict(weights.backbone, strict=False)
    log = MMLogger.get_current_instance()
    log.info(f'load backbone from {file} ({weights.source_format} format)')
    unused = [*result.unexpected_keys, *weights.others]
    unused += [n for n in weights.by_name() if not n.startswith('backbone.')]
    for what, keys in (
        (f'GRN weights {GRN_OPTIONS[grn]} by grn={grn!r}', changed),
        ('not in the checkpoint', result.missing_keys),
        ('not used from the checkpoint', unused),
    ):
        if keys:
            log.info(f'{what}: {", ".join(keys)}')


def read_state_dict(file: str) -> State:
    """Read a state dict from a path or any address."""
    if file.startswith(('http://', 'https://')):
        path = download_checkpoint(file)
        try:
            return read_file(path)[0]
        except CheckpointFileError as error:
            raise CheckpointFileError(
                f'{error}; delete it to download {file} again'
            ) from None
    if '://' in file:  # an object store, for example
        content = CheckpointLoader.load_checkpoint(file, map_location='cpu')
        return find_state_dict(content, file)[0]
    return read_file(Path(os.path.expanduser(file)))[0]


def remove_prefix(state: State, prefix: str | None) -> State:
    """Return the entries below the prefix of ``init_cfg``, if it has one."""
    if not prefix:
        return state
    prefix = without_module(prefix.rstrip('.') + '.')
    result = without_prefix(state, prefix)
    if not result:
        found = sorted({without_module(k).split('.')[0] + '.' for k in state})
        raise IncompleteCheckpointError(
            f'no key begins with the prefix {prefix!r} of init_cfg; keys '
            f'begin with {", ".join(found)}; leave prefix out, the backbone '
            'is found without it'
        )
    return result
