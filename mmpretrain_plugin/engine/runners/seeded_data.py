"""Training data whose randomness depends on the seed and the place alone.

Workers of a data loader have random states that depend on when each of them
began and on what it loaded before, so that a training that is interrupted goes
on with other crops. Here every sample is loaded with random states that follow
from the seed, the process, the epoch and the place in the epoch. That also
makes the data independent of the number of workers.
"""

import itertools
import operator
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from mmengine.dist import get_rank
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    Sampler,
)

from ..batch_sizes import SizeCheckedCollate
from ..random_state import SAMPLE, set_random_state
from .dataset_view import DatasetView


class SeededIndex(int):
    """Index of a sample that has the numbers its random state follows from.

    Attributes:
        numbers: Arguments of ``set_random_state``.
    """

    numbers: tuple[int, ...]

    def __new__(
        cls, index: int, numbers: tuple[int, ...] = ()
    ) -> 'SeededIndex':
        """Create an index, which also is an ordinary integer."""
        self = super().__new__(cls, index)
        self.numbers = numbers
        return self


class SeededDataset(DatasetView):
    """A data set that sets the random state before it loads a sample."""

    def __getitem__(self, index: int) -> Any:
        """Load a sample, with the random state of its index if it has one."""
        if isinstance(index, SeededIndex):
            set_random_state(*index.numbers)
            index = int(index)
        return self.dataset[index]


class SeededSampler(Sampler):
    """A sampler whose indices have random states.

    Other attributes are those of the sampler inside of it.

    Args:
        sampler: The sampler, finite or not.
        seed: Seed of the training; that of the sampler becomes the same.
    """

    def __init__(self, sampler: Any, seed: int) -> None:
        self.sampler = sampler
        self.epoch = 0
        self.start = 0
        self.set_seed(seed)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the sampler inside."""
        if name == 'sampler':  # while it is being copied
            raise AttributeError(name)
        return getattr(self.sampler, name)

    @property
    def is_infinite(self) -> bool:
        """Whether the sampler ends by itself, and can be advanced if not."""
        return hasattr(self.sampler, 'skip')

    @property
    def skip(self) -> Any:
        """Advance an infinite sampler; mmengine looks whether it can."""
        skip = self.sampler.skip

        def skip_both(count: int) -> None:
            skip(count)
            self.start = count

        return skip_both

    def set_seed(self, seed: int) -> None:
        """Use another seed, before the first iteration."""
        self.seed = seed
        if hasattr(self.sampler, 'seed'):
            self.sampler.seed = seed

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, and that of the sampler inside."""
        self.epoch = epoch
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[SeededIndex]:
        """Yield indices, once from ``start`` on and then from the first."""
        start, self.start = self.start, 0
        indices = iter(self.sampler)
        if not self.is_infinite:
            indices = itertools.islice(indices, start, None)
        place = (SAMPLE, self.seed, get_rank(), self.epoch)
        for position, index in enumerate(indices, start):
            try:
                number = operator.index(index)
            except TypeError:  # several numbers, which stay without a state
                yield index
            else:
                yield SeededIndex(number, (*place, position))


class SkippableBatches(Sampler):
    """A batch sampler that can leave out batches without loading them.

    Args:
        batches: A batch sampler that groups indices in its own way.
    """

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self.start = 0

    @property
    def sampler(self) -> SeededSampler:
        """The sampler of the indices."""
        return self.batches.sampler

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.batches)

    def __iter__(self) -> Iterator[Sequence[int]]:
        """Yield batches, once from ``start`` on and then from the first."""
        start, self.start = self.start, 0
        return itertools.islice(self.batches, start, None)


def seed_data(loader: DataLoader, seed: int) -> DataLoader:
    """Return a data loader whose samples have random states of their own.

    Args:
        loader: A data loader that was not iterated yet.
        seed: Seed of the training, the same in all processes.
    """
    batches: Any = loader.batch_sampler
    if isinstance(loader.dataset, IterableDataset) or not hasattr(
        batches, 'sampler'
    ):
        return loader
    options: dict[str, Any] = {}
    if type(batches) is BatchSampler:
        options['sampler'] = SeededSampler(batches.sampler, seed)
        options['batch_size'] = batches.batch_size
        options['drop_last'] = batches.drop_last
    else:
        batches.sampler = SeededSampler(batches.sampler, seed)
        options['batch_sampler'] = SkippableBatches(batches)
    for name in (
        'num_workers', 'pin_memory', 'timeout',
        'multiprocessing_context', 'generator',
        'prefetch_factor', 'persistent_workers', 'pin_memory_device',
    ):  # fmt: skip
        options[name] = getattr(loader, name)
    options['worker_init_fn'] = partial(init_worker, loader.worker_init_fn)
    options['collate_fn'] = SizeCheckedCollate(loader.collate_fn)
    return DataLoader(SeededDataset(loader.dataset), **options)


def init_worker(init: Callable | None, worker: int) -> None:
    """Begin a worker that ends by SIGTERM of the training only.

    Clusters send it to all processes, and a training whose workers end cannot
    finish its step.

    Args:
        init: Function of the data loader that is called first.
        worker: Number of the worker.
    """
    if init is not None:
        init(worker)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(
        target=_exit_with_parent, args=(os.getppid(),), daemon=True
    ).start()


def _exit_with_parent(parent: int) -> None:
    """Wait for SIGTERM of the parent, and end this process."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)


def set_seed(loader: DataLoader, seed: int) -> None:
    """Change the seed of a data loader before its first iteration."""
    sampler = getattr(loader.batch_sampler, 'sampler', None)
    if isinstance(sampler, SeededSampler):
        sampler.set_seed(seed)


def skip_batches(loader: DataLoader, count: int) -> bool:
    """Begin the next epoch after some batches, and return whether it can."""
    batches = loader.batch_sampler
    sampler = getattr(batches, 'sampler', None)
    if not isinstance(sampler, SeededSampler):
        return False
    if isinstance(batches, SkippableBatches):
        batches.start = count
    else:
        sampler.start = count * batches.batch_size
    return True
