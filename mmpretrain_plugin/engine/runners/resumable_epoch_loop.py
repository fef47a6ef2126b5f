"""A training loop by epochs that can begin in the middle of one."""

from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop

from .seeded_data import skip_batches


@LOOPS.register_module()
class ResumableEpochTrainLoop(EpochBasedTrainLoop):
    """mmengine's ``EpochBasedTrainLoop``, which can resume within an epoch.

    A checkpoint of an interrupted epoch has the number of iterations; the
    batches of that epoch that were trained on are left out.
    """

    def run_epoch(self) -> None:
        """Train on what is left of the epoch."""
        done = self._batches_done()
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for index, batch in enumerate(self.dataloader, start=done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches_done(self) -> int:
        """Leave out batches of an interrupted epoch, and return how many."""
        length = len(self.dataloader)
        done = self._iter - self._epoch * length
        if done == 0:
            return 0
        if not 0 < done <= length:
            self.runner.logger.warning(
                f'{self._iter} iterations were no {self._epoch} epochs of '
                f'{length} iterations; the batch size, the number of '
                'processes or the data changed, and the epoch starts over'
            )
            return 0
        if not skip_batches(self.dataloader, done):
            self.runner.logger.warning(
                'batches of this data loader cannot be left out; the epoch '
                'starts over'
            )
            return 0
        self.runner.logger.info(
            f'epoch {self._epoch + 1} goes on after {done} of {length} batches'
        )
        return done
