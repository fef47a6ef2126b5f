"""Keep gradients that are being accumulated in checkpoints."""

from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from .input_check_hook import unwrap

KEY = 'accumulated_gradients'


@HOOKS.register_module()
class AccumulationHook(Hook):
    """Save accumulated gradients, and resume with them.

    With ``accumulative_counts`` that does not divide the length of an epoch, a
    checkpoint comes between two updates, and what was accumulated would be
    lost. Several processes have gradients of their own, which are not saved.
    """

    def __init__(self) -> None:
        self._gradients: dict[str, torch.Tensor] = {}

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the gradients, if the next update needs them."""
        wrapper: Any = runner.optim_wrapper
        if get_world_size() > 1 or not hasattr(wrapper, 'should_update'):
            return
        if not wrapper.should_update():
            checkpoint[KEY] = {
                name: parameter.grad.cpu()
                for name, parameter in unwrap(runner.model).named_parameters()
                if parameter.grad is not None
            }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the gradients of a checkpoint."""
        self._gradients = checkpoint.pop(KEY, {})

    def before_train(self, runner: Runner) -> None:
        """Begin with the gradients, if the training resumes."""
        if runner.iter and get_world_size() == 1:
            for name, parameter in unwrap(runner.model).named_parameters():
                if name in self._gradients:
                    parameter.grad = self._gradients[name].to(parameter)
        self._gradients = {}
