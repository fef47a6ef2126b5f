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
        blocks: Classes of the blocks.

    Returns:
        The model. Its parameters keep names and shapes, as DTensors; plain
        weights that fit load into it as before.
    """
    for module in model.modules():
        if type(module).__name__ in blocks:
            fully_shard(module)
    fully_shard(model)
    model.register_load_state_dict_pre_hook(shard_state)
    return model


def shard_state(
    model: nn.Module, state: dict[str, Tensor], prefix: str, *_: object
) -> None:
    """Cut plain weights like the parameters that they are about to fill."""
    for name, parameter in model.named_parameters(prefix.rstrip('.')):
        if name in state:
            state[name] = shard_like(parameter, state[name])


def shard_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Cut a value that every process has; other shapes stay as they are."""
    if not isinstance(parameter, DTensor) or value.shape != parameter.shape:
        return value
    return distribute_tensor(
        value, parameter.device_mesh, parameter.placements, src_data_rank=None
    )


def gather(state: dict) -> dict:
    """Gather a state on the CPU of the first process; all must take part."""

    def whole(value: Tensor) -> Tensor | None:
        if isinstance(value, DTensor):
            value = value.full_tensor()
        return value.cpu() if is_main_process() else None

    return apply_to(state, lambda x: isinstance(x, Tensor), whole)


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
        **kwargs: What ``DDPStrategy`` takes.
    """

    def __init__(
        self, blocks: Collection[str] = BLOCKS, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.blocks = blocks

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        """Shard instead of wrapping."""
        model = self.convert_model(model.to(get_device()))
        return shard(model, self.blocks)

    def save_checkpoint(self, filename: str, **kwargs: object) -> None:
        """Gather in all processes, and write in the first.

        Args:
            filename: Path of the file.
            **kwargs: What the host's strategies take.
        """
        # The host's method runs in one process, where nothing can be gathered.
        self._gathered = (
            gather(self.model.state_dict()),
            gather(self.optim_wrapper.state_dict()),
        )
        super().save_checkpoint(filename, **kwargs)
        del self._gathered

    def model_state_dict(self) -> dict[str, Tensor]:
        """Return what ``save_checkpoint`` gathered of the model."""
        return self._gathered[0]

    def optim_state_dict(self) -> dict:
        """Return what ``save_checkpoint`` gathered of the optimiser."""
        return self._gathered[1]

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Load the state of an optimiser, sharded or not.

        Args:
            state_dict: As ``torch.optim.Optimizer.state_dict`` gives it.
        """
        groups = self.optim_wrapper.param_groups
        parameters = [p for group in groups for p in group['params']]
        state = {
            i: {key: shard_like(parameters[i], v) for key, v in part.items()}
            for i, part in state_dict['state'].items()
        }
        super().load_optim_state_dict({**state_dict, 'state': state})
