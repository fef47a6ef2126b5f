"""Save a training that is told to end, as clusters do before they end it."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import HOOKS
from mmengine.runner import FlexibleRunner, Runner

from ...output_files import complete_file
from ..work_dir import RECORD

EXIT_STATUS = 128 + signal.SIGTERM


@HOOKS.register_module()
class InterruptionHook(Hook):
    """After SIGTERM, finish the step, save a checkpoint and exit.

    ``--resume`` goes on from it, also within an epoch. The exit status is
    143, as of any process that SIGTERM ends. Of several processes the first
    saves and exits; the launcher ends the others. A training with sharded
    weights is ended at once, because its processes could only save together.
    """

    priority = 'LOWEST'  # after averages, schedulers and regular checkpoints

    def __init__(self) -> None:
        self.is_told = False
        self._before: Any = None

    def before_train(self, runner: Runner) -> None:
        """Wait for SIGTERM."""
        if isinstance(runner, FlexibleRunner) and runner.world_size > 1:
            return
        process = os.getpid()

        def remember(number: int, frame: FrameType | None) -> None:
            if os.getpid() == process:
                self.is_told = True
            else:  # a worker of the data loader
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

        self._before = signal.signal(signal.SIGTERM, remember)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Save and exit, if told to and no gradients are accumulated."""
        if not self.is_told or runner.rank > 0:
            return
        done = runner.iter + 1
        counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if done % counts and done < runner.max_iters:
            return
        self._stop_waiting()
        folder = next(
            (h.out_dir for h in runner.hooks if isinstance(h, CheckpointHook)),
            runner.work_dir,
        )
        name = f'iter_{done}.pth'
        meta = dict(epoch=runner.epoch, iter=done)
        runner.save_checkpoint(folder, name, meta=meta, by_epoch=False)
        path = os.path.join(folder, name)
        with complete_file(Path(runner.work_dir, RECORD)) as part:
            part.write_text(path)
        runner.logger.info(
            f'SIGTERM after iteration {done}: saved {path}, from which '
            '--resume goes on'
        )
        raise SystemExit(EXIT_STATUS)

    def after_train(self, runner: Runner) -> None:
        """Restore what SIGTERM did before."""
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None
