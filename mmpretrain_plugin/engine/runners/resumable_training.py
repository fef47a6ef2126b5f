"""What lets a runner continue a training as if it had not stopped."""

import copy
import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank, is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop
from torch import nn

from ...checkpoint import CheckpointFileError
from ...result_folder import lock_folder
from ..interruption import Interruption, watch_sigterm
from ..work_dir import (
    LAST_CHECKPOINT,
    check_new_training,
    checkpoint_to_resume,
    set_aside,
)
from .readable_dataset import readable
from .seeded_data import seed_data, set_seed


class ResumableTraining:
    """Mixin of a runner whose trainings can be interrupted at any moment.

    A training has its work folder for itself. It resumes from a complete
    checkpoint or not at all, and only begins in a folder without checkpoints,
    unless the config has ``start_over=True``. Data are those of
    ``seeded_data.py``. A checkpoint is there completely or not at all.

    Attributes:
        interruption: Whether SIGTERM was received during training.
    """

    _train_dataloader: Any
    interruption: Interruption

    def train(self) -> nn.Module:
        """Lock the folder, choose the checkpoint to resume from, and train."""
        folder = Path(self.work_dir)
        with self._lock_work_dir(folder), watch_sigterm() as self.interruption:
            if self._resume is True and self._load_from is None:
                self._choose_checkpoint(folder)
            elif not self._resume and self.cfg.get('start_over'):
                if is_main_process():
                    set_aside(folder, self._checkpoint_folders())
            elif not self._resume:
                check_new_training(folder, self._checkpoint_folders())
            super().dump_config()
            return super().train()

    def dump_config(self) -> None:
        """Write the config into the work folder, unless a training has it.

        A training writes it when it has the folder for itself.
        """
        if not Path(self.work_dir, LAST_CHECKPOINT).exists():
            super().dump_config()

    def _checkpoint_folders(self) -> list[Path]:
        """Return the local folders in which checkpoints are saved."""
        name = Path(self.work_dir).name
        return [
            Path(hook.out_dir, name)
            for hook in self.hooks
            if isinstance(hook, CheckpointHook)
            and hook.out_dir
            and '://' not in str(hook.out_dir)
        ]

    def _choose_checkpoint(self, folder: Path) -> None:
        """Resume from the last checkpoint, or begin if there is none."""
        # MMSegmentation's tool takes no path.
        option = '--resume '
        if self.cfg.get('default_scope') == 'mmseg':
            option = '--resume --cfg-options load_from='
        path = checkpoint_to_resume(folder, option, self._checkpoint_folders())
        if path is None:
            self.logger.info(f'{folder} has no checkpoint to resume from')
            self._resume = False
        else:
            self._load_from = str(path)

    def _lock_work_dir(self, folder: Path) -> AbstractContextManager:
        """Lock the work folder, if its file system can."""
        if is_main_process():
            try:
                return lock_folder(folder)
            except OSError as error:
                self.logger.warning(f'{folder} could not be locked: {error}')
        return nullcontext()

    @property
    def common_seed(self) -> int:
        """Seed of the training, the same in all processes."""
        differs = self._randomness_cfg.get('diff_rank_seed', False)
        return self.seed - get_rank() if differs else self.seed

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the training loop, with data that have random states.

        Args:
            loop: A loop, which stays as it is, or its config.
        """
        if not isinstance(loop, dict):
            return super().build_train_loop(loop)
        if isinstance(self._train_dataloader, dict):
            loader = self.build_dataloader(
                readable(
                    self._train_dataloader,
                    self.cfg.get('bad_sample_share', 0.0),
                ),
                seed=self.common_seed,
            )
            self._train_dataloader = seed_data(loader, self.common_seed)
        loop = copy.deepcopy(loop)
        kind = loop.get('type')
        if isinstance(kind, str):
            kind = LOOPS.get(kind)
        if kind is EpochBasedTrainLoop or loop.get('by_epoch'):
            loop.pop('by_epoch', None)
            loop['type'] = 'ResumableEpochTrainLoop'
        return super().build_train_loop(loop)

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Resume, with the seed of the checkpoint.

        Args:
            filename: The checkpoint.
            *args: Arguments of mmengine's method.
            **kwargs: Arguments of mmengine's method.

        Raises:
            CheckpointFileError: If it has weights, but no state of a training.
        """
        try:
            super().resume(filename, *args, **kwargs)
        except (KeyError, TypeError) as error:
            raise CheckpointFileError(
                f'{filename} has no complete state of a training '
                f'({error!r:.99}); to begin with its weights, use '
                f'--cfg-options load_from={filename} without --resume'
            ) from error
        set_seed(self.train_dataloader, self.common_seed)

    def save_checkpoint(
        self, out_dir: str, filename: str, *args: Any, **kwargs: Any
    ) -> None:
        """Save a checkpoint completely, or not at all.

        Args:
            out_dir: Folder of the file.
            filename: Its name.
            *args: Arguments of mmengine's method.
            **kwargs: Arguments of mmengine's method.

        Raises:
            OSError: If it cannot be written; names the file.
        """
        backend = get_file_backend(out_dir, backend_args=None)
        if not isinstance(backend, LocalBackend):
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        part = Path(out_dir, f'.{filename}.part')
        path = Path(out_dir, filename)
        try:
            super().save_checkpoint(out_dir, part.name, *args, **kwargs)
            if is_main_process():
                _replace(part, path)
        except OSError as error:
            raise OSError(
                error.errno,
                f'{error.strerror}; this checkpoint was not saved, and '
                '--resume continues from the one before it',
                str(path),
            ) from error
        finally:
            if is_main_process():
                _remove(part)


def _replace(part: Path, path: Path) -> None:
    """Rename a file or folder that is written to the disk completely."""
    if part.is_file():
        with part.open('rb') as file:
            os.fsync(file.fileno())
    if path.is_dir():
        shutil.rmtree(path)
    part.replace(path)


def _remove(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
