"""Whether two trainings did the same, bit for bit."""

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from mmpretrain_plugin.checkpoint import read_training_file
from mmpretrain_plugin.run_logs import read_scalars

# What differs between any two runs: durations, dates, paths, and the commit,
# which mmengine adds to its version.
TIMES = {
    'time', 'data_time', 'experiment_name', 'last_ckpt', 'cfg', 'memory',
    'mmengine_version',
}  # fmt: skip


def assert_same(one, two, place=''):
    """Compare two objects made of dicts, lists, tensors and numbers."""
    assert type(one) is type(two), place
    if isinstance(one, dict):
        assert set(one) == set(two), place
        for key in one:
            if key not in TIMES and key not in (
                'train/time',
                'train/data_time',
            ):
                assert_same(one[key], two[key], f'{place}.{key}')
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two), place
        for i, pair in enumerate(zip(one, two)):
            assert_same(*pair, f'{place}.{i}')
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two), place
    elif isinstance(one, np.ndarray):
        assert np.array_equal(one, two), place
    elif isinstance(one, HistoryBuffer):
        for pair in zip(one.data, two.data):
            assert_same(*pair, place)
    else:
        assert one == two, place


def assert_same_checkpoints(one, two):
    """Compare weights, optimizer, averages, schedulers, logs and metadata."""
    assert_same(read_training_file(one), read_training_file(two))


def losses(work_dir):
    """Return the losses of each iteration, the last one where it repeats."""
    return {
        record['step']: {k: v for k, v in record.items() if k not in TIMES}
        for record in read_scalars(work_dir)
        if 'loss' in record
    }
