"""Randomness of a step that depends on the seed and the iteration alone."""

from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..random_state import STEP, set_random_state


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Set the random states before each step of a training.

    Masks, dropout, stochastic depth and random samples of a detector then are
    the same in a training that was interrupted, whatever was validated, drawn
    or loaded in between. They differ between processes.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Set the states that follow from the seed and the iteration."""
        set_step_state(runner, runner.iter)


def set_step_state(runner: Runner, iteration: int) -> None:
    """Set the random states that a step begins with.

    Args:
        runner: Runner of the training.
        iteration: Number of the step, from 0.
    """
    set_random_state(STEP, runner.common_seed, get_rank(), iteration)
