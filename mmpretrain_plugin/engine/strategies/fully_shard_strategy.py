"""Sharded weights, gradients and moments (FSDP2), with plain checkpoints."""

from collections.abc import Collection

from mmengine._strategy import DDPStrategy
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.registry import STRATEGIES
from mmengine.utils import apply_to
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

BLOCKS = ('ConvNeXtV2Block',)


def shard(model: nn.Module, blocks: Collection[str] = BLOCKS) -> nn.Module:
    """Shard a model in place: block by block, then what is left.

    While one block computes, the weights of the next one arrive.

    Args:
        model: Any model of a host, with all its weights in every process.
        blocks: Names of the classes of its blocks.

    Returns:
        The model. Its parameters keep names and shapes, as DTensors; plain
        weights that fit load into it as before.

    Raises:
        ValueError: If the model has no block of one of these classes, whose
            weights would be gathered all at once.
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
    """Cut plain weights like the parameters that they are about to fill.

    Args:
        model: The sharded model.
        state: Weights by name, replaced in place.
        prefix: What the names of the model's own begin with.
        *_: What else PyTorch gives to such a hook.
    """
    for name, parameter in model.named_parameters(prefix.rstrip('.')):
        if name in state:
            state[name] = shard_like(parameter, state[name])


def shard_like(parameter: Tensor, value: object) -> object:
    """Cut a value that every process has whole.

    Args:
        parameter: What it belongs to.
        value: Weights or a moment of the parameter's shape; anything else
            stays as it is.

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
    """Gather a state on the CPU of the first process; all must take part.

    Args:
        state: State of a model or an optimizer, with DTensors.

    Returns:
        The state with plain tensors in the first process, and with None in
        their place in the others.
    """

    def whole(value: Tensor) -> Tensor | None:
        if isinstance(value, DTensor):
            value = value.full_tensor()
        return value.cpu() if is_main_process() else None

    result = apply_to(state, lambda x: isinstance(x, Tensor), whole)
    if hasattr(state, '_metadata'):  # versions of layers
        result._metadata = state._metadata
    return result


@STRATEGIES.register_module()
class FullyShardStrategy(DDPStrategy):
    """Train with PyTorch's ``fully_shard`` under mmengine's FlexibleRunner.

    mmengine's own ``FSDPStrategy`` flattens parameters, which hides vectors
    from the rules of weight decay. Checkpoints are those of unsharded
    training: either kind resumes the other, on any number of processes.

    Example::

        runner_type = 'FlexibleRunner'
        strategy = dict(type='FullyShardStrategy')

    Args:
        blocks: Names of the classes whose weights are gathered at a time.
        **kwargs: What ``DDPStrategy`` takes, but ``model_wrapper``.

    Raises:
        ValueError: If a ``model_wrapper`` is given, which would shard nothing.
    """

    def __init__(
        self, blocks: Collection[str] | str = BLOCKS, **kwargs: object
    ) -> None:
        if kwargs.get('model_wrapper') is not None:
            raise ValueError(
                'FullyShardStrategy shards a model without a wrapper; leave '
                'out strategy.model_wrapper, or use DDPStrategy'
            )
        super().__init__(**kwargs)
        self.blocks = [blocks] if isinstance(blocks, str) else blocks

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        """Shard instead of wrapping."""
        model = self.convert_model(model.to(get_device()))
        return shard(model, self.blocks)

    def save_checkpoint(
        self, filename: str, *, save_optimizer: bool = True, **kwargs: object
    ) -> None:
        """Gather in all processes, and write in the first.

        Args:
            filename: Path of the file.
            save_optimizer: Whether to write the state of the optimizer too.
            **kwargs: What the host's strategies take.
        """
        # The host's method runs in one process, where nothing can be gathered.
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
        """Return what ``save_checkpoint`` gathered of the model."""
        return self._gathered[0]

    def optim_state_dict(self) -> dict:
        """Return what ``save_checkpoint`` gathered of the optimizer."""
        return self._gathered[1]

    def resume(self, filename: str, **kwargs: object) -> dict:
        """Go on from a checkpoint, sharded or not.

        Args:
            filename: Path of the file.
            **kwargs: What the host's strategies take, but ``map_location``.

        Returns:
            What else the checkpoint holds.
        """
        # The host would put all of it on the GPU of every process.
        return super().resume(filename, **{**kwargs, 'map_location': 'cpu'})

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Load the state of an optimizer, sharded or not.

        Args:
            state_dict: As ``torch.optim.Optimizer.state_dict`` gives it.

        Raises:
            ValueError: If it is of another number of parameters.
        """
        # The wrapper adds a group of its own for its log.
        groups = self.optim_wrapper.optimizer.param_groups
        parameters = [p for group in groups for p in group['params']]
        saved = sum(len(g['params']) for g in state_dict['param_groups'])
        if saved != len(parameters):
            raise ValueError(
                f'the checkpoint has the optimizer of {saved} parameters and '
                f'the model has {len(parameters)}; resume from a checkpoint '
                f'of the same config, or load_from its weights alone'
            )
        state = {
            i: {key: shard_like(parameters[i], v) for key, v in part.items()}
            for i, part in state_dict['state'].items()
        }
        super().load_optim_state_dict({**state_dict, 'state': state})
