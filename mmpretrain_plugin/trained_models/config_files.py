"""The config of a trained model."""

import re
from pathlib import Path

from mmengine.config import Config
from mmengine.hub import get_config

# In a checkout a link to configs/.
CONFIGS = Path(__file__).resolve().parents[1] / '.mim' / 'configs'


def find_config(name: str) -> Path | None:
    """Return the path of a config of this project.

    Args:
        name: Name of the file without .py, such as
            'convnextv2-tiny-fcmae_32xb32-300e_in1k'.

    Returns:
        None if there is no config of that name.
    """
    if not re.fullmatch(r'[\w.-]+', name):
        return None
    found = (
        p for p in CONFIGS.glob(f'*/{name}.py') if p.parts[-2] != '_base_'
    )
    return next(found, None)


def read_config(path: str) -> Config:
    """Read the config of a model.

    Args:
        path: A file, the name of a config of this project (see
            :func:`find_config`), or a config of a library
            ('mmpretrain::mae/NAME.py').

    Raises:
        ValueError: If there is no such config or it has no backbone.
    """
    path = str(find_config(path) or path)
    if '::' in path:
        try:
            cfg = get_config(path)
        except Exception as error:  # each part of an address fails elsewhere
            raise ValueError(
                f'{path} is no config of an installed library '
                f'({one_line(error)}); write it like mmpretrain::mae/NAME.py'
            ) from None
    elif not Path(path).is_file():
        raise ValueError(
            f'{path} does not exist; give a file, the name of one in configs/ '
            'without .py, or mmpretrain::mae/NAME.py'
        )
    else:
        try:
            cfg = Config.fromfile(path)
        except Exception as error:  # a config can run any code
            raise ValueError(
                f'{path} is no config: {one_line(error)}'
            ) from None
    if not isinstance(cfg.get('model'), dict) or 'backbone' not in cfg.model:
        raise ValueError(
            f'{path} has no model.backbone; use the config of a pre-training, '
            'a classifier, a detector or a segmentor'
        )
    return cfg


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line."""
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text}' if text else type(error).__name__
