"""Initializers in ``init_cfg`` of a backbone, as mmengine defines them."""

from collections.abc import Iterable

from mmengine.model import PretrainedInit
from mmengine.registry import WEIGHT_INITIALIZERS


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
