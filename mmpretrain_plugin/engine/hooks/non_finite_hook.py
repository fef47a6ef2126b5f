"""Stop a training whose loss or gradients are not finite."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import HOOKS
from mmengine.runner import FlexibleRunner, Runner
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from ..non_finite import first_non_finite
from ..work_dir import LAST_CHECKPOINT
from .input_check_hook import unwrap
from .random_state_hook import set_step_state

MAX_PENDING = 16  # steps, with their batches, that the device may be behind

# A GradScaler that begins at 65536 is at 1 after 16.
MAX_SKIPPED = 20


@dataclass
class PastStep:
    """A step that the device may not have computed yet.

    Attributes:
        iteration: Its number.
        batch: Its data.
        lr: Learning rate, before it is scaled for single layers.
        is_bad: Copy of the flag, or the flag itself on a CPU.
        event: Recorded after the copy; None on a CPU.
    """

    iteration: int
    batch: Any
    lr: float
    is_bad: Tensor
    event: torch.cuda.Event | None

    def is_ready(self) -> bool:
        """Return whether the flag has its value."""
        return self.event is None or self.event.query()

    def wait(self) -> None:
        """Wait until the flag has its value."""
        if self.event is not None:
            self.event.synchronize()


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Stop a training at the first loss or gradient that is not finite.

    A flag on the device records it, and keeps fused optimizers from changing
    anything from then on. No step waits for the device, unless it is far
    behind: the flag is read when the device is done with a step. That step
    then is repeated, with the same masks, to name the first module whose
    output or gradient is not finite. ``FiniteWeightsHook`` saves no weights
    that are not.

    A GradScaler skips steps whose scaled gradients are not finite; that is no
    error until it has skipped many in a row, or the scale has fallen below 1.

    Args:
        interval: Steps after which the device is asked for both.
    """

    priority = 'VERY_HIGH'

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self.steps: deque[PastStep] = deque()
        self.skipped: Tensor | int = 0  # updates in a row by a GradScaler
        self.is_updated = False
        self.batch: Any = None
        self._handles: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Begin to look at the gradients before each step."""
        device = next(unwrap(runner.model).parameters()).device
        self.is_bad = torch.zeros((), device=device)
        self.is_queued = device.type != 'cpu'
        self.steps.clear()
        for wrapper in _wrappers(runner):
            self._handles.append(
                wrapper.optimizer.register_step_pre_hook(
                    partial(self._look_at_gradients, runner)
                )
            )

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Remember the data of the step."""
        self.batch = data_batch

    def _look_at_gradients(
        self, runner: Runner, optimizer: Optimizer, args: tuple, kwargs: dict
    ) -> None:
        """Set the flag if a gradient is not finite, and skip the step."""
        self.is_updated = True
        if _scaler(runner) is not None:
            # A fused optimizer gets the flag; others are not called.
            skips = getattr(optimizer, 'found_inf', None)
            keeps = 0 if skips is None else (skips > 0).int()
            self.skipped = (self.skipped + 1) * keeps
        else:
            gradients = [
                p.grad.to_local() if hasattr(p.grad, 'to_local') else p.grad
                for group in optimizer.param_groups
                for p in group['params']
                if p.grad is not None
            ]
            # A shard may be empty, and has no largest element then.
            gradients = [g for g in gradients if g.numel()]
            largest = get_total_norm(gradients, norm_type=math.inf)
            self._add(~torch.isfinite(largest))
        if not self.is_queued:
            self._check(runner, self._record(runner, self.batch))
        elif optimizer.defaults.get('fused'):
            # As a GradScaler, which removes its own afterward, tells a fused
            # optimizer to do nothing.
            skip = self.is_bad
            if _scaler(runner) is not None:
                skip = torch.maximum(skip, vars(optimizer)['found_inf'])
            vars(optimizer)['found_inf'] = skip

    def _add(self, is_bad: Tensor) -> None:
        """Set the flag if a value on the device is true."""
        self.is_bad = torch.maximum(self.is_bad, is_bad.to(self.is_bad))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Look at the loss, and at the steps the device is done with."""
        loss = (outputs or {}).get('loss')
        if isinstance(loss, Tensor):
            self._add(~torch.isfinite(loss.detach()).all())
        self.steps.append(self._record(runner, data_batch))
        while self.steps and (
            len(self.steps) > MAX_PENDING or self.steps[0].is_ready()
        ):
            self._check_next(runner)
        if _scaler(runner) is not None:
            if runner.optim_wrapper.should_update() and not self.is_updated:
                self.skipped = self.skipped + 1
            self.is_updated = False
            if self.every_n_train_iters(runner, self.interval):
                _check_scaler(runner, int(self.skipped))

    def _record(self, runner: Runner, batch: Any) -> PastStep:
        rates = next(iter(_wrappers(runner))).get_lr()
        lr = (rates.get('base_lr') or rates['lr'])[0]
        event, flag = None, self.is_bad
        if flag.is_cuda:
            flag = torch.empty((), pin_memory=True)
            flag.copy_(self.is_bad, non_blocking=True)
            event = torch.cuda.Event()
            event.record()
        return PastStep(runner.iter, batch, lr, flag, event)

    def _check(self, runner: Runner, step: PastStep) -> None:
        """Stop the training if the flag was set in a step.

        Raises:
            FloatingPointError: If it was.
        """
        if not step.is_bad:
            return
        record = Path(runner.work_dir, LAST_CHECKPOINT)
        last = record.read_text().strip() if record.exists() else 'none'
        raise FloatingPointError(
            f'the loss or a gradient is not finite at iteration '
            f'{step.iteration + 1} (learning rate {step.lr:.3g}): the first '
            f'such value is {_first_value(runner, step)}; the last good '
            f'checkpoint is {last}. Lower the learning rate, clip gradients '
            '(optim_wrapper.clip_grad), or check the data'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check all steps before their weights are saved.

        Raises:
            FloatingPointError: If something was not finite.
        """
        self._check_all(runner)

    def after_train(self, runner: Runner) -> None:
        """Check the last steps."""
        self._check_all(runner)
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _check_all(self, runner: Runner) -> None:
        """Wait for the device, and check the steps that were not checked."""
        while self.steps:
            self._check_next(runner)

    def _check_next(self, runner: Runner) -> None:
        """Wait for the first step that was not checked, and check it."""
        step = self.steps.popleft()
        step.wait()
        self._check(runner, step)


def _wrappers(runner: Runner) -> Iterator[OptimWrapper]:
    """Yield the optimizer wrappers of a runner."""
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapperDict):
        yield from wrapper.values()
    else:
        yield wrapper


def _scaler(runner: Runner) -> GradScaler | None:
    """Return the GradScaler of mixed precision, if it is in use."""
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    return scaler if scaler is not None and scaler.is_enabled() else None


def _check_scaler(runner: Runner, skipped: int) -> None:
    """Stop if a GradScaler has skipped many updates.

    Args:
        runner: Runner, with a GradScaler.
        skipped: Updates that it has skipped in a row.

    Raises:
        FloatingPointError: If they are many, or its scale is below 1.
    """
    scale = runner.optim_wrapper.loss_scaler.get_scale()
    if skipped > MAX_SKIPPED or scale < 1:
        raise FloatingPointError(
            f'{skipped} updates in a row were skipped until iteration '
            f'{runner.iter + 1}, and the loss is scaled by {scale:.3g}, '
            'because gradients in float16 are not finite; use bfloat16 '
            '(optim_wrapper.dtype), lower the learning rate, or clip gradients'
        )


def _first_value(runner: Runner, step: PastStep) -> str:
    """Repeat a step, and return its first value that is not finite."""
    model: Any = unwrap(runner.model)
    if get_world_size() > 1 and (
        isinstance(runner, FlexibleRunner)
        or any(isinstance(m, nn.SyncBatchNorm) for m in model.modules())
    ):
        # Processes notice at different times, and would wait for each other.
        return 'unknown, because processes compute steps together'
    set_step_state(runner, step.iteration)

    def compute() -> dict[str, Tensor]:
        with runner.optim_wrapper.optim_context(model):
            data = model.data_preprocessor(step.batch, True)
            if isinstance(data, dict):
                losses = model(**data, mode='loss')
            else:
                losses = model(*data, mode='loss')
        return {
            name: loss if isinstance(loss, Tensor) else sum(loss)
            for name, loss in losses.items()
            if 'loss' in name
        }

    value = first_non_finite(model, compute)
    if value is None and get_world_size() > 1:
        return 'in the data of another process, whose message names it'
    return value or 'not found when the step was repeated'
