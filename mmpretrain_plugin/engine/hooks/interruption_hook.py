"""Save a training that received SIGTERM, as clusters send it first."""

import os
import signal
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import HOOKS
from mmengine.runner import FlexibleRunner, Runner

from ...output_files import complete_file
from ..work_dir import LAST_CHECKPOINT

EXIT_STATUS = 128 + signal.SIGTERM


@HOOKS.register_module()
class InterruptionHook(Hook):
    """After SIGTERM, finish the step, save a checkpoint and exit.

    ``--resume`` continues from it, also within an epoch. The exit status is
    143, as of any process that SIGTERM ends. The runner records the signal
    (``ResumableTraining``). Of several processes, any may receive it: all end
    after the same step, and the first one saves. ``FlexibleRunner`` with
    several processes ends at once.

    Args:
        interval: Steps after which several processes ask each other.
    """

    priority = 'LOWEST'  # after averages, schedulers and regular checkpoints

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self.ends = False
        self._group: Any = None

    def before_train(self, runner: Runner) -> None:
        """Create a group of processes that does not need the device."""
        if get_world_size() > 1 and not isinstance(runner, FlexibleRunner):
            self._group = dist.new_group(backend='gloo')

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Save and exit after SIGTERM, unless gradients are accumulated."""
        self.ends = self.ends or self._was_received(runner)
        should_update = getattr(
            runner.optim_wrapper, 'should_update', lambda: True
        )
        if not self.ends or not should_update():
            return
        done = runner.iter + 1
        folder = next(
            (h.out_dir for h in runner.hooks if isinstance(h, CheckpointHook)),
            runner.work_dir,
        )
        name = f'iter_{done}.pth'
        meta = dict(epoch=runner.epoch, iter=done)
        runner.save_checkpoint(folder, name, meta=meta, by_epoch=False)
        path = os.path.join(folder, name)
        if is_main_process():
            with complete_file(Path(runner.work_dir, LAST_CHECKPOINT)) as part:
                part.write_text(path)
        if self._group is not None:  # a launcher ends all after the first
            dist.barrier(self._group)
        runner.logger.info(
            f'SIGTERM after iteration {done}: saved {path}, from which '
            '--resume continues'
        )
        raise SystemExit(EXIT_STATUS)

    def _was_received(self, runner: Runner) -> bool:
        """Return whether this process, or another one, received SIGTERM."""
        received = runner.interruption.received
        if self._group is None:
            return received
        if not self.every_n_train_iters(runner, self.interval):
            return False
        flag = torch.tensor([float(received)])
        dist.all_reduce(flag, dist.ReduceOp.MAX, self._group)
        return bool(flag)
