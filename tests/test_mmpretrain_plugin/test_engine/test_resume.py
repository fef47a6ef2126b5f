"""A training that was interrupted and resumed is the same training."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import EpochBasedTrainLoop

from mmpretrain_plugin.engine import ResumableEpochTrainLoop
from tests.helpers.interrupted_training import LENGTH, TOTAL, config, train
from tests.helpers.same_training import assert_same_checkpoints, losses
from tests.helpers.small_pretraining import make_images

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp('images'))


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize('workers', [0, 2])
def test_a_resumed_training_is_the_same(folder, tmp_path, workers, by_epoch):
    full = config(folder, tmp_path / 'full', 0, by_epoch)
    parts = config(folder, tmp_path / 'parts', workers, by_epoch)
    train(full)
    train(parts, crash=6)
    train(parts, crash=9, resume=True)
    train(parts, resume=True)
    last = f'epoch_{TOTAL // LENGTH}.pth' if by_epoch else f'iter_{TOTAL}.pth'
    assert_same_checkpoints(
        tmp_path / 'full' / last, tmp_path / 'parts' / last
    )
    expected, found = (losses(tmp_path / n) for n in ('full', 'parts'))
    assert len(expected) == TOTAL
    assert found == expected


class TermHook(Hook):
    """Send SIGTERM to this process in one of its steps."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    ('by_epoch', 'iterations'), [(True, (5, 11)), (False, (4,))]
)
def test_sigterm_saves_and_the_training_goes_on(
    folder, tmp_path, by_epoch, iterations
):
    """Within an epoch, at the end of one, and between two checkpoints."""
    full = config(folder, tmp_path / 'full', 0, by_epoch)
    parts = config(folder, tmp_path / 'parts', 0, by_epoch)
    train(full)
    before = signal.getsignal(signal.SIGTERM)
    for i, iteration in enumerate(iterations):
        runner = RUNNERS.build(parts.copy())
        runner._resume = i > 0
        runner.register_hook(TermHook(iteration))
        with pytest.raises(SystemExit) as error:
            runner.train()
        assert error.value.code == 143
        assert signal.getsignal(signal.SIGTERM) is before
        record = (tmp_path / 'parts/last_checkpoint').read_text()
        assert record == str(tmp_path / f'parts/iter_{iteration + 1}.pth')
    train(parts, resume=True)
    last = f'epoch_{TOTAL // LENGTH}.pth' if by_epoch else f'iter_{TOTAL}.pth'
    assert_same_checkpoints(
        tmp_path / 'full' / last, tmp_path / 'parts' / last
    )
    expected, found = (losses(tmp_path / n) for n in ('full', 'parts'))
    assert len(expected) == TOTAL
    assert found == expected


def start(cfg, path, work_dir):
    """Start a slow training with workers in a process group of its own."""
    cfg = cfg.copy()
    cfg.custom_imports = dict(imports=['mmpretrain_plugin'])
    cfg.work_dir = str(work_dir)
    cfg.dump(path)
    return subprocess.Popen(
        [sys.executable, '-m', 'tests.helpers.slow_steps', path, '0.2'],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 2])
def test_sigterm_to_all_processes_of_a_training(folder, tmp_path, workers):
    """As clusters send it; the workers must not end first."""
    cfg = config(folder, tmp_path, workers, True)
    process = start(cfg, tmp_path / 'config.py', tmp_path / 'work')
    for line in process.stdout:
        if line == 'begins\n':
            break
    while not any((tmp_path / 'work').rglob('scalars.json')):
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGTERM)
    output = process.stdout.read()
    assert process.wait() == 143, output[-3000:]
    assert list((tmp_path / 'work').glob('iter_*.pth')), output[-3000:]
    name = (tmp_path / 'work/last_checkpoint').read_text()
    assert Path(name).name.startswith('iter_')


@pytest.mark.parametrize('counts', [3, 8])
def test_accumulated_gradients_are_resumed(folder, tmp_path, counts):
    """An epoch of 4 batches ends between two updates."""
    cfgs = [config(folder, tmp_path / n, 0, True) for n in ('full', 'parts')]
    for cfg in cfgs:
        cfg.optim_wrapper.accumulative_counts = counts
    full, parts = cfgs
    train(full)
    train(parts, crash=LENGTH + 1)
    train(parts, resume=True)
    assert_same_checkpoints(
        tmp_path / 'full/epoch_4.pth', tmp_path / 'parts/epoch_4.pth'
    )


def test_a_loop_may_be_named_by_its_class(folder, tmp_path):
    cfg = config(folder, tmp_path, 0, True)
    cfg.train_cfg.type = EpochBasedTrainLoop
    runner = RUNNERS.build(cfg)
    runner.train()
    assert type(runner.train_loop) is ResumableEpochTrainLoop


def test_a_seed_that_was_drawn_is_that_of_the_checkpoint(folder, tmp_path):
    cfg = config(folder, tmp_path / 'parts', 0, True, seed=None)
    drawn = train(cfg, crash=6).seed
    full = config(folder, tmp_path / 'full', 0, True, seed=drawn)
    assert train(cfg, resume=True).seed == drawn
    train(full)
    # Initial weights of the first training came from the same seed.
    assert_same_checkpoints(
        *(tmp_path / n / 'epoch_4.pth' for n in ('full', 'parts'))
    )


def test_masks_differ_in_each_step_and_sample_in_each_epoch(folder, tmp_path):
    """Unlike with mmengine, whose workers begin each epoch alike."""
    runner = train(config(folder, tmp_path, 2, True))
    epochs = []
    for epoch in range(3):
        runner.train_dataloader.batch_sampler.sampler.set_epoch(epoch)
        batches = list(runner.train_dataloader)
        files = [s.img_path for b in batches for s in b['data_samples']]
        epochs.append(
            dict(zip(files, torch.cat([b['inputs'] for b in batches])))
        )
    for one, two in ((0, 1), (0, 2), (1, 2)):
        for file, pixels in epochs[one].items():
            assert not torch.equal(pixels, epochs[two][file])
