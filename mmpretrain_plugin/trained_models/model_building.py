"""The model of a config, or a part of it, without weights."""

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from .config_files import one_line


def build_model(part: dict, cfg: Config, source: str) -> nn.Module:
    """Build a model or its backbone in the scope of its config.

    Args:
        part: ``cfg.model`` or ``cfg.model.backbone``.
        cfg: The config, which names the library.
        source: Where the config is from, for messages.

    Raises:
        ValueError: If the class does not accept the config.
    """
    scope = cfg.get('default_scope', 'mmpretrain')
    try:
        with DefaultScope.overwrite_default_scope(scope):
            return MODELS.build(part)
    except Exception as error:  # whatever the class raises
        raise ValueError(
            f'{part.get("type")} of {source} cannot be built: '
            f'{one_line(error)}'
        ) from None
