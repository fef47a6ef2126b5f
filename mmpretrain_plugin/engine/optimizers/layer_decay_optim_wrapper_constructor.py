"""Layer-wise and group-wise learning rate decay."""

from inspect import signature

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel

ALLOWED = ('layer_decay_rate', 'decay_type')
DECAY_TYPES = ('layer', 'group')


def has_weight_decay(name: str, parameter: Tensor) -> bool:
    """Return whether weight decay applies to a parameter.

    It does not apply to one-dimensional parameters, biases, the mask token,
    and gamma and beta of GRN, which have four dimensions in the official code.
    It does apply to linear layers and convolutions that replace GRN.

    Args:
        name: Name of the parameter in the model.
        parameter: Parameter.
    """
    parts = name.split('.')
    return not (
        parameter.ndim <= 1
        or parts[-1] in ('bias', 'mask_token')
        or ('grn' in parts and parts[-1] in ('gamma', 'beta'))
    )


def supports_decay_types(backbone: nn.Module | None) -> bool:
    """Return whether ``get_layer_depth`` of a backbone has ``decay_type``.

    Backbones of the OpenMMLab libraries do not have it: MMPretrain's ConvNeXt
    always counts groups, so its learning rates would not be those of a config
    with ``decay_type='layer'``.
    """
    method = getattr(backbone, 'get_layer_depth', None)
    return method is not None and 'decay_type' in signature(method).parameters


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Build optimizer groups with the paper's layer decay (A.2 to A.4).

    The learning rate of a parameter is
    ``lr * layer_decay_rate ** (num_layers - 1 - layer_id)``, where the
    backbone's ``get_layer_depth`` returns both numbers; necks and heads use
    ``lr``. The class
    is registered in mmengine's root registry, so that MMPretrain, MMDetection
    and MMSegmentation all find it.

    Example::

        optim_wrapper = dict(
            constructor='LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.9, decay_type='layer'),
            optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05))

    Args:
        optim_wrapper_cfg: Config of the optimizer wrapper.
        paramwise_cfg: ``layer_decay_rate`` in (0, 1]; the default of 1.0 only
            applies the rules of weight decay. ``decay_type``, 'layer'
            (default) or 'group', in which three consecutive blocks of the
            third stage are one layer.

    Raises:
        ValueError: If ``paramwise_cfg`` has other keys or values.
    """

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        # With an empty paramwise_cfg mmengine does not call `add_params`.
        paramwise_cfg = {'layer_decay_rate': 1.0, **(paramwise_cfg or {})}
        unknown = sorted(set(paramwise_cfg) - set(ALLOWED))
        if unknown:
            raise ValueError(
                f'paramwise_cfg must only have {ALLOWED}, got {unknown}'
            )
        decay_rate = paramwise_cfg['layer_decay_rate']
        if not 0 < decay_rate <= 1:
            raise ValueError(
                f'layer_decay_rate must be in (0, 1], got {decay_rate}'
            )
        decay_type = paramwise_cfg.setdefault('decay_type', 'layer')
        if decay_type not in DECAY_TYPES:
            raise ValueError(
                f'decay_type must be one of {DECAY_TYPES}, got {decay_type!r}'
            )
        super().__init__(optim_wrapper_cfg, paramwise_cfg)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer of a model.

        Args:
            model: Model, with or without a wrapper for distributed training.

        Returns:
            Optimizer wrapper.

        Raises:
            ValueError: If the model is sharded by FullyShardedDataParallel,
                which flattens parameters and so hides their dimensions.
        """
        if any(
            isinstance(m, FullyShardedDataParallel) for m in model.modules()
        ):
            raise ValueError(
                'FullyShardedDataParallel flattens parameters to vectors, so '
                'none would get weight decay; train with '
                'MMDistributedDataParallel or FullyShardStrategy'
            )
        return super().__call__(model)

    def add_params(
        self, params: list[dict], module: nn.Module, **kwargs: object
    ) -> None:
        """Assign every trainable parameter to one group.

        Args:
            params: List of groups, extended in place, shallow layers first.
            module: Complete model.
            **kwargs: Ignored; mmengine passes the state of a recursion.

        Raises:
            ValueError: If ``layer_decay_rate`` is not 1 and the backbone has
                no ``get_layer_depth`` with ``decay_type``.
        """
        decay_rate = self.paramwise_cfg['layer_decay_rate']
        decay_type = self.paramwise_cfg['decay_type']
        backbone = getattr(module, 'backbone', None)
        if decay_rate != 1 and not supports_decay_types(backbone):
            raise ValueError(
                f'layer_decay_rate {decay_rate} needs a model with a backbone '
                'that has get_layer_depth(name, prefix, decay_type), such as '
                f'ConvNeXtV2; this one is {type(backbone).__name__}'
            )
        groups: dict[tuple, dict] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            scale = 1.0
            if decay_rate != 1:
                layer, layers = backbone.get_layer_depth(
                    name, 'backbone.', decay_type
                )
                scale = decay_rate ** (layers - 1 - layer)
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
