"""Layer-wise and group-wise learning rates, for all three hosts."""

from inspect import signature

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel

ALLOWED = ('layer_decay_rate', 'decay_type')
DECAY_TYPES = ('layer', 'group')


def has_weight_decay(name: str, parameter: Tensor) -> bool:
    """Tell whether a parameter decays.

    None of these does: one-dimensional parameters, biases, gamma and beta of
    GRN whatever their shape (the official code's have four dimensions), and
    the mask token.

    Args:
        name: Name of the parameter in the model.
        parameter: The parameter.
    """
    parts = name.split('.')
    return not (
        parameter.ndim <= 1
        or parts[-1] in ('bias', 'mask_token')
        or 'grn' in parts
    )


def tells_depths(backbone: nn.Module | None) -> bool:
    """Tell whether a backbone answers for both ways to count layers.

    The hosts' own backbones do not: mmpretrain's ConvNeXt always counts
    groups, and would silently get other rates than the config says.
    """
    ask = getattr(backbone, 'get_layer_depth', None)
    return ask is not None and 'decay_type' in signature(ask).parameters


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Optimizer groups with the learning rates of the paper.

    The rate of a parameter is ``lr * layer_decay_rate ** (n + 1 - i)`` for
    layer id i of n. The backbone says how deep a parameter lies, so neither
    depths nor class names are repeated here; necks and heads get ``lr``.
    The registry is mmengine's root, where all hosts look.

    Example::

        optim_wrapper = dict(
            constructor='LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.9, decay_type='layer'),
            optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05))

    Args:
        optim_wrapper_cfg: Config of the optimizer wrapper.
        paramwise_cfg: ``layer_decay_rate`` in (0, 1], 1.0 by default, which
            only applies the rules of weight decay; ``decay_type``, 'layer'
            (default) or 'group' (three blocks of the long stage together).

    Raises:
        ValueError: If ``paramwise_cfg`` has other keys or values.
    """

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        # The host skips `add_params` where paramwise_cfg is empty.
        paramwise_cfg = {'layer_decay_rate': 1.0, **(paramwise_cfg or {})}
        unknown = sorted(set(paramwise_cfg) - set(ALLOWED))
        if unknown:
            raise ValueError(
                f'paramwise_cfg knows {ALLOWED}, got also {unknown}'
            )
        rate = paramwise_cfg['layer_decay_rate']
        if not 0 < rate <= 1:
            raise ValueError(f'layer_decay_rate must be in (0, 1], got {rate}')
        decay_type = paramwise_cfg.setdefault('decay_type', 'layer')
        if decay_type not in DECAY_TYPES:
            raise ValueError(
                f'decay_type must be one of {DECAY_TYPES}, got {decay_type!r}'
            )
        super().__init__(optim_wrapper_cfg, paramwise_cfg)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer of a model.

        Args:
            model: The model, in a wrapper for distributed training or not.

        Returns:
            The optimizer wrapper.

        Raises:
            ValueError: If the model is sharded in a way that flattens
                parameters, which hides which of them are vectors.
        """
        if any(
            isinstance(m, FullyShardedDataParallel) for m in model.modules()
        ):
            raise ValueError(
                'the layer decay cannot tell vectors from matrices in '
                'FullyShardedDataParallel, which flattens them, and would '
                'leave out the weight decay; train with '
                'MMDistributedDataParallel or FullyShardStrategy'
            )
        return super().__call__(model)

    def add_params(
        self, params: list[dict], module: nn.Module, **kwargs: object
    ) -> None:
        """Put every trainable parameter into one group.

        Args:
            params: List of groups, extended in place, shallow layers first.
            module: The whole model.
            **kwargs: Not used; the signature is the host's.

        Raises:
            ValueError: If the backbone does not tell depths and a decay rate
                other than 1 is asked for.
        """
        rate = self.paramwise_cfg['layer_decay_rate']
        decay_type = self.paramwise_cfg['decay_type']
        backbone = getattr(module, 'backbone', None)
        if rate != 1 and not tells_depths(backbone):
            raise ValueError(
                f'layer_decay_rate {rate} needs a model with a backbone that '
                'has get_layer_depth(name, prefix, decay_type), such as '
                f'ConvNeXtV2; this one is {type(backbone).__name__}'
            )
        groups: dict[tuple, dict] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            scale = 1.0
            if rate != 1:
                layer, layers = backbone.get_layer_depth(
                    name, 'backbone.', decay_type
                )
                scale = rate ** (layers - 1 - layer)
            decays = has_weight_decay(name, parameter)
            group = groups.setdefault((scale, decays), dict(params=[]))
            group['params'].append(parameter)
            if self.base_lr is not None:
                group['lr'] = self.base_lr * scale
            if self.base_wd is not None:
                group['weight_decay'] = self.base_wd if decays else 0.0
        params.extend(groups[key] for key in sorted(groups))
        log = MMLogger.get_current_instance()
        for (scale, decays), group in sorted(groups.items()):
            log.debug(
                f'lr scale {scale:.3g}, weight decay {decays}: '
                f'{len(group["params"])} parameters'
            )
