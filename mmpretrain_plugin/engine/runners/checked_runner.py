"""Runners and a test loop that check input files before building anything."""

from mmengine.registry import LOOPS, RUNNERS
from mmengine.runner import FlexibleRunner, Runner, TestLoop
from torch import nn

from ..hooks import InputCheckHook
from .input_files import check_inputs


class InputChecks:
    """Mixin that adds ``check_inputs`` and ``InputCheckHook`` to a runner."""

    def register_hooks(self, *args: object, **kwargs: object) -> None:
        """Register the config's hooks, and ``InputCheckHook`` if not there."""
        super().register_hooks(*args, **kwargs)
        if not any(isinstance(hook, InputCheckHook) for hook in self.hooks):
            self.register_hook(InputCheckHook())

    def train(self) -> nn.Module:
        """Check the inputs of training and validation, then train."""
        check_inputs(self.cfg, 'train', 'val')
        return super().train()

    def test(self) -> dict[str, float]:
        """Check the inputs of the test, then test."""
        check_inputs(self.cfg, 'test')
        return super().test()


@RUNNERS.register_module()
class CheckedRunner(InputChecks, Runner):
    """mmengine's ``Runner``, which first checks its inputs.

    Missing files and wrong numbers of classes end the run before it starts,
    with one line that names the file and the remedy::

        runner_type = 'CheckedRunner'
    """


@RUNNERS.register_module()
class CheckedFlexibleRunner(InputChecks, FlexibleRunner):
    """mmengine's ``FlexibleRunner``, which first checks its inputs."""


@LOOPS.register_module()
class CheckedTestLoop(TestLoop):
    """mmengine's ``TestLoop``, which first checks its inputs.

    For MMSegmentation, whose test tool ignores ``runner_type``::

        test_cfg = dict(type='CheckedTestLoop')
    """

    def __init__(
        self, runner: Runner, *args: object, **kwargs: object
    ) -> None:
        check_inputs(runner.cfg, 'test')
        super().__init__(runner, *args, **kwargs)
