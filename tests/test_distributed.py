"""Two processes train as one process does on the same batches."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import mmpretrain
import pytest
import torch
from torch.testing import assert_close

from tests.helpers.distributed_worker import IMAGES, halves, train
from tests.helpers.small_pretraining import make_images, pretraining

pytestmark = [pytest.mark.slow, pytest.mark.distributed]

ROOT = Path(__file__).resolve().parents[1]
TRAIN = Path(mmpretrain.__file__).parent / '.mim/tools/train.py'
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


def test_sigterm_to_any_process_saves_and_ends_all(tmp_path):
    """As when one of several machines is taken."""
    folder = make_images(tmp_path / 'images')
    cfg = pretraining(folder, tmp_path / 'work', epochs=200)
    cfg.runner_type = 'CheckedRunner'
    cfg.custom_imports = dict(imports=['mmpretrain_plugin'])
    cfg.default_hooks.checkpoint.interval = 1000
    cfg.train_dataloader.persistent_workers = False
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None
    )
    cfg.dump(tmp_path / 'config.py')
    with socket.socket() as probe:
        probe.bind(('localhost', 0))
        port = probe.getsockname()[1]
    environment = dict(
        os.environ, MASTER_ADDR='localhost', MASTER_PORT=str(port),
        WORLD_SIZE='2', LOCAL_WORLD_SIZE='2', OMP_NUM_THREADS='1',
    )  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, '-m', 'tests.helpers.launched', TRAIN,
             tmp_path / 'config.py', '--launcher', 'pytorch'],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
            env={**environment, 'RANK': rank, 'LOCAL_RANK': rank},
        )
        for rank in '01'
    ]  # fmt: skip
    while not any((tmp_path / 'work').rglob('scalars.json')):
        for process in processes:
            assert process.poll() is None, process.stdout.read()[-3000:]
        time.sleep(0.2)
    time.sleep(1)
    processes[1].send_signal(signal.SIGTERM)
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 143, output[-3000:]
    (path,) = (tmp_path / 'work').glob('*.pth')
    assert path.name.startswith('iter_') and int(path.stem[5:]) % 10 == 0
    assert (tmp_path / 'work/last_checkpoint').read_text() == str(path)
