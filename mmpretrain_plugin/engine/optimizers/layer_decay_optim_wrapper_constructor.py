"""Layer-wise and group-wise learning rate decay."""

from collections.abc import Callable
from functools import partial
from inspect import signature
from math import ceil

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel

ALLOWED = ('layer_decay_rate', 'decay_type', 'custom_keys')
DECAY_TYPES = ('layer', 'group')
# Entries of custom_keys, and the option of the optimizer that they multiply.
MULTIPLIERS = {'lr_mult': 'lr', 'decay_mult': 'weight_decay'}
# Classes of MMPretrain whose get_layer_depth counts blocks, or groups of them.
# Those of other classes count otherwise: ResNet in groups of its own, MixMIM
# with the final norm below the head, HiViT without its blocks, which it looks
# for by a name that they do not have.
COUNTING = {
    'layer': ('VisionTransformer', 'ViTSAM', 'BEiTViT', 'SwinTransformer'),
    'group': ('ConvNeXt',),
}
# MMPretrain's ConvNeXt takes 3 or 9 groups as the depth of the third stage.
GROUPED = 'with 7 to 9 or 25 to 27 blocks in its third stage'


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


def depth_function(
    backbone: nn.Module | None, decay_type: str
) -> Callable[[str, str], tuple[int, int]] | None:
    """Return ``get_layer_depth`` of a backbone for a decay type.

    Backbones of this package have an argument ``decay_type``. MMPretrain's
    have none. Its Transformers count blocks: 0 is the embedding, ``i`` is
    block ``i``, and what follows the blocks has the last number; its ConvNeXt
    counts groups.

    Args:
        backbone: Backbone of the model, if it has one.
        decay_type: 'layer' or 'group'.

    Returns:
        A function of a parameter's name and the prefix of the backbone that
        returns the layer id and the number of layers. None if the backbone
        does not count layers as ``decay_type`` means them.
    """
    method = getattr(backbone, 'get_layer_depth', None)
    if method is None:
        return None
    if 'decay_type' in signature(method).parameters:
        return partial(method, decay_type=decay_type)
    owner, _, _ = method.__qualname__.partition('.')
    if not (
        method.__module__.startswith('mmpretrain.')
        and owner in COUNTING[decay_type]
    ):
        return None
    if decay_type == 'group':
        groups = ceil(vars(backbone)['depths'][-2] / 3)  # of the third stage
        _, layers = method('', '')
        # The others: stem, stages 1, 2 and 4, and what follows.
        return method if layers == groups + 5 else None
    return method


def custom_multipliers(name: str, custom_keys: dict) -> dict | None:
    """Return the entry of ``custom_keys`` for a parameter, if there is one.

    As in MMEngine, it is that of the longest key that the name contains, of
    equally long ones the first in the alphabet.

    Args:
        name: Name of the parameter in the model.
        custom_keys: Multipliers by key.
    """
    if '.' not in name:  # a parameter of the model itself, as MMEngine has it
        name = f'.{name}'
    keys = [key for key in custom_keys if key in name]
    if not keys:
        return None
    return custom_keys[min(keys, key=lambda key: (-len(key), key))]


def check_multipliers(
    custom_keys: object, optimizer: dict, has_layer_decay: bool
) -> None:
    """Raise an error if there is a multiplier without an effect.

    Args:
        custom_keys: Multipliers by key.
        optimizer: Config of the optimizer.
        has_layer_decay: Whether learning rates depend on the layer.

    Raises:
        ValueError: If ``custom_keys`` has another form or other entries than
            ``lr_mult`` and ``decay_mult``, or the optimizer does not have what
            they or the layer decay multiply.
    """
    if not isinstance(custom_keys, dict):
        raise ValueError(f'custom_keys must be a dict, got {custom_keys}')
    multiplied = {'layer_decay_rate': 'lr'} if has_layer_decay else {}
    for key, entry in custom_keys.items():
        if not isinstance(entry, dict) or set(entry) - set(MULTIPLIERS):
            raise ValueError(
                f'custom_keys[{key!r}] must be a dict with no other entries '
                f'than {tuple(MULTIPLIERS)}, got {entry}'
            )
        multiplied.update((name, MULTIPLIERS[name]) for name in entry)
    for name, option in multiplied.items():
        if optimizer.get(option) is None:
            raise ValueError(
                f'{name} multiplies {option} of the optimizer, which is not '
                f'set in {optimizer}'
            )


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Build optimizer groups with the paper's layer decay (A.2 to A.4).

    The learning rate of a parameter is
    ``lr * layer_decay_rate ** (num_layers - 1 - layer_id)``, where the
    backbone's ``get_layer_depth`` returns both numbers; necks and heads use
    ``lr``. MMPretrain's VisionTransformer, BEiTViT, SwinTransformer and their
    variants work with ``decay_type='layer'``, its ConvNeXt with 'group'. The
    class is registered in mmengine's root registry, so that MMPretrain,
    MMDetection and MMSegmentation all find it.

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
            third stage are one layer. ``custom_keys``, as MMEngine defines
            them: ``{key: dict(lr_mult=..., decay_mult=...)}`` for parameters
            whose name contains the key, the longest one first. ``lr_mult``
            multiplies the learning rate of the layer. ``decay_mult``, 1 if
            not given, replaces the rules of weight decay.

    Raises:
        ValueError: If ``paramwise_cfg`` has other keys or values, or the
            optimizer has no ``lr`` or ``weight_decay`` to multiply.
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
        check_multipliers(
            paramwise_cfg.setdefault('custom_keys', {}),
            optim_wrapper_cfg['optimizer'],
            decay_rate != 1,
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
            ValueError: If ``layer_decay_rate`` is not 1 and the backbone does
                not count layers as ``decay_type`` means them.
        """
        decay_rate = self.paramwise_cfg['layer_decay_rate']
        decay_type = self.paramwise_cfg['decay_type']
        custom_keys = self.paramwise_cfg['custom_keys']
        backbone = getattr(module, 'backbone', None)
        depth_of = depth_function(backbone, decay_type)
        if decay_rate != 1 and depth_of is None:
            others = ', '.join(COUNTING[decay_type])
            depths = getattr(backbone, 'depths', None)
            raise ValueError(
                f'layer_decay_rate {decay_rate} with decay_type '
                f'{decay_type!r} needs get_layer_depth of ConvNeXtV2 or of '
                f"MMPretrain's {others}"
                f'{f" {GROUPED}" * (decay_type == "group")}; this backbone is '
                f'{type(backbone).__name__}{f" {depths}" if depths else ""}'
            )
        groups: dict[tuple, dict] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            scale = 1.0
            if decay_rate != 1:
                layer, layers = depth_of(name, 'backbone.')
                scale = decay_rate ** (layers - 1 - layer)
            decay = float(has_weight_decay(name, parameter))
            custom = custom_multipliers(name, custom_keys)
            if custom is not None:
                scale *= custom.get('lr_mult', 1.0)
                decay = custom.get('decay_mult', 1.0)
            group = groups.setdefault((scale, decay), dict(params=[]))
            group['params'].append(parameter)
            if self.base_lr is not None:
                group['lr'] = self.base_lr * scale
            if self.base_wd is not None:
                group['weight_decay'] = self.base_wd * decay
        params.extend(groups[key] for key in sorted(groups))
        log = MMLogger.get_current_instance()
        for (scale, decay), group in sorted(groups.items()):
            log.debug(
                f'lr scale {scale:.3g}, weight decay x {decay:.3g}: '
                f'{len(group["params"])} parameters'
            )
