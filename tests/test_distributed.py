"""Two processes train as one process does on the same batches."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from tests.helpers.distributed_worker import IMAGES, halves, train

pytestmark = [pytest.mark.slow, pytest.mark.distributed]

ROOT = Path(__file__).resolve().parents[1]
JOBS = (
    'fcmae:ddp',
    'fcmae:ddp accumulated',
    'fcmae:fsdp',
    'fcmae:fsdp accumulated',
    'upernet:ddp',
    'upernet:fsdp',
    'mask-rcnn:ddp',
    'mask-rcnn:fsdp',
)


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """Losses and weights of all jobs, run in one pair of processes."""
    file = tmp_path_factory.mktemp('distributed') / 'results.pth'
    result = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc_per_node', '2', '-m', 'tests.helpers.distributed_worker',
         *JOBS, str(file)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return torch.load(file)


@pytest.fixture(scope='module')
def baseline():
    """A function that trains a task in one process, once."""

    @cache
    def train_once(task):
        shares = halves() if task == 'mask-rcnn' else [slice(0, IMAGES)]
        return train(task, 'single', shares)

    return train_once


@pytest.mark.parametrize('job', JOBS)
def test_two_processes_train_as_one(results, baseline, job):
    """MMDetection averages losses over the boxes of one process.

    Two processes with Mask R-CNN are therefore compared with one process that
    averages over two halves of the batch. The other losses do not depend on
    how the batch is divided.
    """
    task, _ = job.split(':')
    losses, state = baseline(task)
    got, weights = results[job]
    close = 1e-9 if task == 'fcmae' else 1e-4
    assert_close(got, losses, rtol=close, atol=close)
    assert losses[0] != losses[1]
    assert_close(dict(weights), dict(state), rtol=close, atol=close)
