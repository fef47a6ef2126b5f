"""Loading of a backbone from its ``init_cfg``.

mmengine loads with ``strict=False`` and logs missing keys: with a wrong
prefix or another model size, training starts from random weights. It also
unpickles any object. The functions here do neither.
"""

import os
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger
from mmengine.model import PretrainedInit
from mmengine.runner import CheckpointLoader

from .conversion import to_weights
from .download import download_checkpoint
from .errors import CheckpointFileError, IncompleteCheckpointError
from .files import find_state_dict, read_file
from .grn_weights import GRN_OPTIONS, apply_grn_option, names_in_grn_place
from .key_tables import without_module, without_prefix
from .stem import STEM, adapt_stem
from .validation import check_backbone_weights
from .weights import State


def load_pretrained(backbone: Any, init_cfg: dict) -> None:
    """Load all weights of a backbone from a checkpoint in any format.

    Args:
        backbone: A ``ConvNeXtV2``.
        init_cfg: Initializer of type 'Pretrained', with ``checkpoint``: a
            path, an http address, or an address of another scheme, which
            mmengine loads. With ``prefix``, only keys that begin with it are
            loaded. ``grn`` is 'load' (default); 'drop', which leaves out the
            GRN weights of the checkpoint; or 'zero', which sets those that it
            does not have to zero (see ``grn_weights.py``). ``adapt`` is
            'repeat' or 'sum' and fits the stem to ``in_channels`` of the
            backbone (see ``stem.py``).

    Raises:
        ValueError: If the checkpoint cannot be read or does not fit the
            backbone, or ``grn`` or ``adapt`` does not apply; the message
            begins with the file or the address.
    """
    options = {key: v for key, v in init_cfg.items() if key != 'type'}
    grn, adapt = options.pop('grn', 'load'), options.pop('adapt', None)
    initializer = PretrainedInit(**options)
    file = str(initializer.checkpoint)
    try:
        state = remove_prefix(read_state_dict(file), initializer.prefix)
        weights = to_weights(state, names_in_grn_place(backbone))
        weights.backbone, changed = apply_grn_option(
            weights.backbone, backbone, grn
        )
        channels = weights.architecture.in_channels
        if adapt is not None:
            weights = adapt_stem(weights, backbone.in_channels, adapt)
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
    stem = [STEM] if backbone.in_channels != channels else []
    for what, keys in (
        (
            f'fitted from {channels} to {backbone.in_channels} input channels '
            f'by adapt={adapt!r}',
            stem,
        ),
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
