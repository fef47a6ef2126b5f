"""Runners and a test loop that check their inputs and can be interrupted."""

from typing import Any

from mmengine.config import Config
from mmengine.registry import LOOPS, RUNNERS
from mmengine.runner import FlexibleRunner, Runner, TestLoop
from mmengine.runner.base_loop import BaseLoop
from torch import nn

from ..hooks import (
    AccumulationHook,
    FiniteWeightsHook,
    InputCheckHook,
    InterruptionHook,
    NonFiniteHook,
    RandomStateHook,
)
from .config_options import check_options
from .input_files import check_inputs
from .readable_dataset import readable
from .resumable_training import ResumableTraining

# Registered unless the config has them.
DEFAULT_HOOKS = (
    AccumulationHook,
    FiniteWeightsHook,
    InputCheckHook,
    InterruptionHook,
    NonFiniteHook,
    RandomStateHook,
)


class InputChecks:
    """Mixin that adds checks and the hooks above to a runner."""

    _val_dataloader: Any
    _test_dataloader: Any

    @classmethod
    def from_cfg(cls, cfg: Config) -> Runner:
        """Build a runner, unless an option of the command line is mistyped.

        Args:
            cfg: Config of the run.

        Raises:
            ValueError: If it has.
        """
        check_options(cfg, cls)
        return super().from_cfg(cfg)

    def register_hooks(self, *args: object, **kwargs: object) -> None:
        """Register the config's hooks, and those above if not there."""
        super().register_hooks(*args, **kwargs)
        for kind in DEFAULT_HOOKS:
            if not any(isinstance(hook, kind) for hook in self.hooks):
                self.register_hook(kind())

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the validation loop; errors of its data name the file."""
        self._val_dataloader = readable(self._val_dataloader)
        return super().build_val_loop(loop)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the test loop; errors of its data name the file."""
        self._test_dataloader = readable(self._test_dataloader)
        return super().build_test_loop(loop)

    def train(self) -> nn.Module:
        """Check the inputs of training and validation, then train."""
        check_inputs(self.cfg, 'train', 'val')
        return super().train()

    def test(self) -> dict[str, float]:
        """Check the inputs of the test, then test."""
        check_inputs(self.cfg, 'test')
        return super().test()


@RUNNERS.register_module()
class CheckedRunner(InputChecks, ResumableTraining, Runner):
    """mmengine's ``Runner``, which first checks its inputs.

    Missing files and wrong numbers of classes end the run before it trains,
    with one line that names the file and the remedy. Training resumes exactly
    (``ResumableTraining``), and the hooks in ``DEFAULT_HOOKS`` are
    registered::

        runner_type = 'CheckedRunner'
    """


@RUNNERS.register_module()
class CheckedFlexibleRunner(InputChecks, ResumableTraining, FlexibleRunner):
    """mmengine's ``FlexibleRunner``, with what ``CheckedRunner`` adds."""


@LOOPS.register_module()
class CheckedTestLoop(TestLoop):
    """mmengine's ``TestLoop``, which first checks its inputs.

    For MMSegmentation, whose test tool ignores ``runner_type``::

        test_cfg = dict(type='CheckedTestLoop')
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: object,
        *args: object,
        **kwargs: object,
    ) -> None:
        check_inputs(runner.cfg, 'test')
        super().__init__(runner, readable(dataloader), *args, **kwargs)
