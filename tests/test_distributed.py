"""Two processes train as one does on the same batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from tests.helpers.distributed_worker import IMAGES, halves, train

pytestmark = pytest.mark.slow

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
    """All jobs in one pair of processes, which import the hosts once."""
    file = tmp_path_factory.mktemp('distributed') / 'results.pth'
    result = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc_per_node', '2', '-m', 'tests.helpers.distributed_worker',
         *JOBS, str(file)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return torch.load(file)


@pytest.mark.parametrize('job', JOBS)
def test_two_processes_train_as_one(results, job):
    """The hosts average detection losses over the boxes of a process.

    Two processes therefore equal one that averages over two halves of the
    batch; the other losses do not care how the batch is cut.
    """
    task, _ = job.split(':')
    shares = halves() if task == 'mask-rcnn' else [slice(0, IMAGES)]
    losses, state = train(task, 'alone', shares)
    got, weights = results[job]
    close = 1e-9 if task == 'fcmae' else 1e-4
    assert_close(got, losses, rtol=close, atol=close)
    assert losses[0] != losses[1]
    assert_close(dict(weights), dict(state), rtol=close, atol=close)
