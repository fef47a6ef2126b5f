"""Check the options of the command line against the config file."""

import difflib
import inspect
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

# Keys that the runners and the tools of the libraries read, besides the
# parameters of ``Runner``.
KNOWN_KEYS = (
    'activation_checkpointing',
    'auto_scale_lr',
    'bad_sample_share',
    'compile',
    'data_root',
    'efficient_conv_bn_eval',
    'env_cfg',
    'model_wrapper_cfg',
    'runner_type',
    'start_over',
    'strategy',
    'tta_model',
    'tta_pipeline',
)
# Options of this project, which no config has.
TYPES: dict[str, tuple[type, ...]] = {
    'bad_sample_share': (float, int),
    'start_over': (bool,),
}
AUTOMATIC = ('auto', 'dynamic')


def check_options(cfg: Config, runner: type) -> None:
    """Raise an error if an option of the command line is mistyped.

    ``--cfg-options`` adds a key that is misspelled, and takes what is no
    number as a text.

    Args:
        cfg: Config of the run; one that was not read from a file passes.
        runner: Class of the runner.

    Raises:
        ValueError: If neither the file of the config nor the runner has a
            key at the top level, or a text is where the file has a number.
    """
    file = cfg.filename
    if not file or not Path(file).is_file():
        return
    own = Config.fromfile(file, import_custom_modules=False)
    _check_keys(cfg, own, runner)
    for key in own:
        _check_values(cfg.get(key), own[key], key)
    for key, kinds in TYPES.items():
        if key in cfg and not isinstance(cfg[key], kinds):
            names = ' or '.join(kind.__name__ for kind in kinds)
            raise ValueError(f'{key} must be {names}, got {cfg[key]!r}')
    for key in ('max_epochs', 'max_iters'):
        count = (cfg.get('train_cfg') or {}).get(key)
        if isinstance(count, (int, float)) and count < 1:
            raise ValueError(f'train_cfg.{key} must be 1 or more, got {count}')


def _check_keys(cfg: Config, own: Config, runner: type) -> None:
    """Raise an error if a key was added that nothing knows."""
    known = {*own, *KNOWN_KEYS}
    for kind in (Runner, *inspect.getmro(runner)):
        known |= set(inspect.signature(kind.__init__).parameters)
    for key in cfg:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            remedy = f'did you mean {near[0]}?' if near else 'remove it'
            raise ValueError(
                f'{key} is an option neither of {cfg.filename} nor of the '
                f'runner; {remedy}'
            )


def _check_values(given: Any, own: Any, address: str) -> None:
    """Raise an error if a text is in the place of a number or a bool.

    Numbers that are chosen automatically have names.
    """
    if isinstance(own, dict) and isinstance(given, dict):
        for key in own.keys() & given.keys():
            _check_values(given[key], own[key], f'{address}.{key}')
    elif isinstance(own, (list, tuple)) and isinstance(given, (list, tuple)):
        for i, values in enumerate(zip(given, own, strict=False)):
            _check_values(*values, f'{address}.{i}')
    elif isinstance(given, str):
        if isinstance(own, bool):
            raise ValueError(f'{address} must be True or False, got {given!r}')
        if isinstance(own, (int, float)) and given not in AUTOMATIC:
            raise ValueError(
                f'{address} must be a number, such as {own}, got {given!r}'
            )
