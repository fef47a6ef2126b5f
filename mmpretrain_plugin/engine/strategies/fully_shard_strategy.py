"""Train with sharded weights (FSDP2) and save ordinary checkpoints."""

from collections.abc import Collection
from typing import Any

from mmengine._strategy import DDPStrategy  # has no public module
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.registry import STRATEGIES
from mmengine.utils import apply_to
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

BLOCKS = ('ConvNeXtV2Block',)


def shard(model: nn.Module, blocks: Collection[str] = BLOCKS) -> nn.Module:
    """Shard a model in place: each block, then all other parameters.

    PyTorch gathers the weights of the next block while one block computes.

    Args:
        model: Model with all its weights in every process.
        blocks: Class names of its blocks.

    Returns:
        The model. Its parameters become DTensors of the same names and
        shapes; an ordinary state dict still loads.

    Raises:
        ValueError: If a class does not occur in the model. All weights would
            be gathered at once, as without sharding.
    """
    modules = list(model.modules())
    names = {type(module).__name__ for module in modules}
    missing = sorted(set(blocks) - names)
    if missing:
        raise ValueError(
            f'the model has no {", ".join(missing)}; set strategy.blocks to '
            f'a list of classes among {sorted(names)}'
        )
    for module in modules:
        if type(module).__name__ in blocks:
            fully_shard(module)
    fully_shard(model)
    model.register_load_state_dict_pre_hook(shard_state)
    return model


def shard_state(
    model: nn.Module, state: dict[str, Tensor], prefix: str, *_: object
) -> None:
    """Shard ordinary weights like the parameters that they will fill.

    A pre-hook of ``load_state_dict``.

    Args:
        model: Sharded model.
        state: Weights by name, replaced in place.
        prefix: Prefix of the model's names in ``state``.
        *_: Other arguments of such a hook, ignored.
    """
    for name, parameter in model.named_parameters(prefix.rstrip('.')):
        if name in state:
            state[name] = shard_like(parameter, state[name])


def shard_like(parameter: Tensor, value: Any) -> Any:
    """Shard a value like a parameter.

    Args:
        parameter: Parameter, sharded or not.
        value: Complete weights or moments, the same in every process. A value
            that is not a tensor of the parameter's shape is returned as is.

    Returns:
        The value, sharded if the parameter is.
    """
    fits = isinstance(value, Tensor) and value.shape == parameter.shape
    if not (fits and isinstance(parameter, DTensor)):
        return value
    return distribute_tensor(
        value, parameter.device_mesh, parameter.placements, src_data_rank=None
    )


def gather(state: dict) -> dict:
    """Gather a state on the CPU of the main process.

    All processes must call it.

    Args:
        state: State of a model or an optimizer, with DTensors.

    Returns:
        The state with ordinary tensors in the main process, and with None
        instead of tensors in the others.
    """

    def full(value: Tensor) -> Tensor | None:
        if isinstance(value, DTensor):
            value = value.full_tensor()
        return value.cpu() if is_main_process() else None

    result = apply_to(state, lambda x: isinstance(x, Tensor), full)
    if hasattr(state, '_metadata'):  # versions of modules
        result._metadata = state._metadata
    return result


@STRATEGIES.register_module()
class FullyShardStrategy(DDPStrategy):
    """Train with PyTorch's ``fully_shard`` under mmengine's FlexibleRunner.

    mmengine's own ``FSDPStrategy`` flattens parameters, so that the rules of
    weight decay cannot see their dimensions. Checkpoints have the format of
    unsharded training: both kinds of training resume from either, with any
    number of processes.

    Example::

        runner_type = 'CheckedFlexibleRunner'  # or 'FlexibleRunner'
        strategy = dict(type='FullyShardStrategy')

    Args:
        blocks: Class names of modules whose weights are gathered together.
        **kwargs: Arguments of ``DDPStrategy`` except ``model_wrapper``.

    Raises:
        ValueError: If a ``model_wrapper`` is given, which would not shard.
    """

    def __init__(
        self, blocks: Collection[str] | str = BLOCKS, **kwargs: object
    ) -> None:
        if kwargs.get('model_wrapper') is not None:
            raise ValueError(
                'FullyShardStrategy does not support strategy.model_wrapper, '
                f'got {kwargs["model_wrapper"]}; remove it, or use DDPStrategy'
            )
        super().__init__(**kwargs)
        self.blocks = [blocks] if isinstance(blocks, str) else blocks

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        """Shard the model instead of wrapping it."""
        model = self.convert_model(model.to(get_device()))
        return shard(model, self.blocks)

    def save_checkpoint(
        self, filename: str, *, save_optimizer: bool = True, **kwargs: object
    ) -> None:
        """Gather the state from all processes and save it in the main one.

        Args:
            filename: Path of the file.
            save_optimizer: Whether to save the state of the optimizer.
            **kwargs: Other arguments of ``DDPStrategy.save_checkpoint``.
        """
        # The parent's method only runs in the main process and cannot gather.
        self._gathered = [gather(self.model.state_dict())]
        if save_optimizer:
            self._gathered.append(gather(self.optim_wrapper.state_dict()))
        try:
            super().save_checkpoint(
                filename, save_optimizer=save_optimizer, **kwargs
            )
        finally:
            del self._gathered

    def model_state_dict(self) -> dict[str, Tensor]:
        """Return the state of the model that ``save_checkpoint`` gathered."""
        return self._gathered[0]

    def optim_state_dict(self) -> dict:
        """Return the optimizer state that ``save_checkpoint`` gathered."""
        return self._gathered[1]

    def resume(self, filename: str, **kwargs: object) -> dict:
        """Resume from a checkpoint of sharded or unsharded training.

        Args:
            filename: Path of the file.
            **kwargs: Arguments of ``DDPStrategy.resume``; ``map_location`` is
                ignored.

        Returns:
            Other content of the checkpoint.
        """
        # By default all of it would be loaded to the GPU of every process.
        return super().resume(filename, **{**kwargs, 'map_location': 'cpu'})

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Load the state of an optimizer with complete tensors.

        Args:
            state_dict: State returned by ``torch.optim.Optimizer.state_dict``.

        Raises:
            ValueError: If the number of parameters differs.
        """
        # `optim_wrapper.param_groups` has one group more, for logging.
        groups = self.optim_wrapper.optimizer.param_groups
        parameters = [p for group in groups for p in group['params']]
        saved = sum(len(g['params']) for g in state_dict['param_groups'])
        if saved != len(parameters):
            raise ValueError(
                f'the checkpoint has an optimizer of {saved} parameters but '
                f'the model has {len(parameters)}; resume from a checkpoint '
                'of the same config, or only load its weights with load_from'
            )
        state = {
            i: {key: shard_like(parameters[i], v) for key, v in part.items()}
            for i, part in state_dict['state'].items()
        }
        super().load_optim_state_dict({**state_dict, 'state': state})
