"""A validation loop that training does not notice."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.registry import LOOPS
from mmengine.runner import ValLoop


@contextmanager
def preserve_random_state() -> Iterator[None]:
    """Restore the random states of Python, NumPy and PyTorch's CPU."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@LOOPS.register_module()
class IsolatedValLoop(ValLoop):
    """mmengine's ``ValLoop`` that leaves the random state as it was.

    Every iteration over a data loader consumes a random number. With
    mmengine's loop, the masks and crops of the training depend on how often
    it is validated; with this one they do not::

        val_cfg = dict(type='IsolatedValLoop')
    """

    def run(self) -> dict[str, float]:
        """Validate, and return the metrics by name."""
        with preserve_random_state():
            return super().run()
