"""A training that was interrupted and resumed is the same training."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import EpochBasedTrainLoop

from mmpretrain_plugin.checkpoint import CheckpointFileError
from mmpretrain_plugin.engine import ResumableEpochTrainLoop
from mmpretrain_plugin.engine.work_dir import checkpoint_to_resume
from tests.helpers.same_training import assert_same_checkpoints, losses
from tests.helpers.small_pretraining import make_images, pretraining

ROOT = Path(__file__).resolve().parents[3]
LENGTH = 4  # batches of an epoch
TOTAL = 4 * LENGTH


class Crash(Exception):  # noqa: N818
    """In the place of a kill."""


class CrashHook(Hook):
    """Stop a training before one of its steps."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise Crash


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp('images'))


def config(folder, work_dir, workers, by_epoch, seed=3):
    """Return a training with everything that is random or has a state."""
    cfg = pretraining(folder, work_dir, epochs=TOTAL // LENGTH)
    cfg.runner_type = 'CheckedRunner'
    cfg.model.backbone.drop_path_rate = 0.3
    cfg.randomness = dict(seed=seed)
    cfg.custom_hooks = [dict(type='EMAHook', momentum=0.1)]
    cfg.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=6),
        dict(type='CosineAnnealingLR', by_epoch=True, T_max=4),
    ]
    loader = cfg.train_dataloader
    loader.num_workers = workers
    loader.persistent_workers = workers > 0
    loader.dataset.pipeline.insert(
        1, dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.2, 1))
    )
    loader.dataset.pipeline.insert(
        2, dict(type='ColorJitter', brightness=0.4, contrast=0.4)
    )
    if not by_epoch:
        loader.sampler = dict(type='InfiniteSampler')
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=TOTAL)
        cfg.default_hooks.checkpoint.update(by_epoch=False, interval=3)
        cfg.log_processor = dict(by_epoch=False)
        cfg.param_scheduler[1].by_epoch = False
    return cfg


def train(cfg, crash=None, resume=False):
    cfg = cfg.copy()
    cfg.resume = resume
    runner = RUNNERS.build(cfg)
    if crash is None:
        runner.train()
    else:
        runner.register_hook(CrashHook(crash))
        with pytest.raises(Crash):
            runner.train()
    return runner


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


def test_a_refused_training_changes_nothing(folder, tmp_path):
    cfg = config(folder, tmp_path, 0, True)
    train(cfg, crash=6)
    (before,) = (p.read_text() for p in tmp_path.glob('*.py'))
    other = cfg.copy()
    other.optim_wrapper.optimizer.lr = 99.0
    with pytest.raises(FileExistsError):
        train(other)
    assert [p.read_text() for p in tmp_path.glob('*.py')] == [before]


def test_checkpoints_in_another_folder_are_not_replaced(folder, tmp_path):
    cfg = config(folder, tmp_path / 'work', 0, True)
    cfg.default_hooks.checkpoint.out_dir = str(tmp_path / 'weights')
    train(cfg, crash=6)
    assert (tmp_path / 'weights/work/epoch_1.pth').exists()
    with pytest.raises(FileExistsError, match='work has checkpoints'):
        train(cfg)
    (tmp_path / 'work/last_checkpoint').unlink()
    with pytest.raises(FileExistsError, match='weights/work has .*epoch_1'):
        train(cfg)


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


@pytest.mark.parametrize('state', ['missing', 'empty', 'gone', 'damaged'])
def test_a_record_that_cannot_be_used_is_one_line(folder, tmp_path, state):
    cfg = config(folder, tmp_path, 0, True)
    train(cfg, crash=10)
    record, last = tmp_path / 'last_checkpoint', tmp_path / 'epoch_2.pth'
    newest = last
    if state == 'missing':
        record.unlink()
        problem = 'last_checkpoint does not exist, but checkpoints do'
    elif state == 'empty':
        record.write_text('')
        problem = 'last_checkpoint names no file'
    elif state == 'gone':
        last.unlink()
        newest = tmp_path / 'epoch_1.pth'
        problem = f'last_checkpoint names {last}, which is not in {tmp_path}'
    else:
        content = bytearray(last.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 64] = os.urandom(64)
        last.write_bytes(content)
        newest = tmp_path / 'epoch_1.pth'
        problem = f'last_checkpoint names a file that cannot be used: {last}'
    cfg.resume = True
    with pytest.raises(CheckpointFileError) as error:
        RUNNERS.build(cfg).train()
    assert problem in str(error.value)
    assert '\n' not in str(error.value)
    assert f'with --resume {newest}' in str(error.value)
    # The command works.
    cfg.load_from = str(newest)
    RUNNERS.build(cfg).train()
    assert (tmp_path / 'epoch_4.pth').exists()


def test_no_complete_checkpoint_is_one_line(folder, tmp_path):
    cfg = config(folder, tmp_path, 0, True)
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        (tmp_path / name).write_bytes(b'PK\x03\x04')
    cfg.resume = True
    with pytest.raises(CheckpointFileError, match='no other checkpoint in'):
        RUNNERS.build(cfg).train()


@pytest.mark.parametrize('content', ['x' * 5000, '\0\0', '\n\n', '..'])
def test_any_content_of_the_record_is_one_line(tmp_path, content):
    (tmp_path / 'last_checkpoint').write_text(content)
    (tmp_path / 'epoch_3.pth').symlink_to('nothing')
    (tmp_path / 'epoch_4.pth').mkdir()
    with pytest.raises(CheckpointFileError) as error:
        checkpoint_to_resume(tmp_path, '--resume ')
    assert 'no other checkpoint in' in str(error.value)


def test_the_record_of_a_copied_folder_is_not_followed(folder, tmp_path):
    """To the checkpoint of another training."""
    cfg = config(folder, tmp_path / 'one', 0, True)
    train(cfg, crash=10)
    shutil.copytree(tmp_path / 'one', tmp_path / 'two')
    (tmp_path / 'two/epoch_2.pth').unlink()
    cfg.work_dir = str(tmp_path / 'two')
    cfg.resume = True
    with pytest.raises(CheckpointFileError, match='not in .*two; .*epoch_1'):
        RUNNERS.build(cfg).train()


def test_weights_alone_cannot_be_resumed(folder, tmp_path):
    cfg = config(folder, tmp_path / 'work', 0, True)
    state = RUNNERS.build(cfg).model.state_dict()
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    cfg.resume, cfg.load_from = True, str(tmp_path / 'a.pth')
    with pytest.raises(CheckpointFileError, match='a.pth has no complete st'):
        RUNNERS.build(cfg).train()


def test_a_moved_work_dir_resumes(folder, tmp_path):
    cfg = config(folder, tmp_path / 'before', 0, True)
    train(cfg, crash=6)
    shutil.copytree(tmp_path / 'before', tmp_path / 'after')
    (tmp_path / 'before/epoch_1.pth').unlink()
    cfg.work_dir = str(tmp_path / 'after')
    assert train(cfg, resume=True).iter == TOTAL


def test_a_training_does_not_start_over_unless_told(folder, tmp_path):
    cfg = config(folder, tmp_path, 0, True)
    train(cfg, crash=6)
    with pytest.raises(FileExistsError, match='epoch_1.pth.*start_over=True'):
        train(cfg)
    cfg.start_over = True
    train(cfg, crash=2)
    # Otherwise the earlier training would go on.
    assert not list(tmp_path.glob('*.pth'))
    assert len(list(tmp_path.glob('earlier_*/epoch_1.pth'))) == 1
    assert not (tmp_path / 'last_checkpoint').exists()
    cfg.start_over = False
    assert train(cfg, resume=True).iter == TOTAL


def test_resume_without_a_checkpoint_begins(folder, tmp_path):
    assert train(config(folder, tmp_path, 0, True), resume=True).iter == TOTAL


def test_a_checkpoint_is_complete_or_not_there(folder, tmp_path, monkeypatch):
    """As on a full disk."""
    cfg = config(folder, tmp_path, 0, True)
    train(cfg, crash=6)
    before = (tmp_path / 'epoch_1.pth').read_bytes()

    def fill(self, content, filepath):
        Path(filepath).write_bytes(content[:1000])
        raise OSError(errno.ENOSPC, 'No space left on device')

    cfg.resume = True
    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, 'put', fill)
        with pytest.raises(OSError, match='No space'):
            RUNNERS.build(cfg).train()
    names = {p.name for p in tmp_path.iterdir() if p.suffix != '.py'}
    names = {name for name in names if not name.startswith('2')}  # of logs
    assert names == {'epoch_1.pth', 'last_checkpoint', 'lock'}
    assert (tmp_path / 'epoch_1.pth').read_bytes() == before
    assert train(cfg, resume=True).iter == TOTAL


def test_a_second_training_in_the_folder_is_refused(folder, tmp_path):
    script = (
        'import sys, time\n'
        'from pathlib import Path\n'
        'from mmpretrain_plugin.result_folder import lock_folder\n'
        'lock = lock_folder(Path(sys.argv[1]))\n'
        'print("locked", flush=True)\n'
        'time.sleep(60)\n'
    )
    cfg = config(folder, tmp_path, 0, True)
    with subprocess.Popen(
        [sys.executable, '-c', script, tmp_path], stdout=subprocess.PIPE
    ) as other:
        while other.stdout.readline() != b'locked\n':
            assert other.poll() is None
        with pytest.raises(ValueError, match='another process is running in'):
            train(cfg)
        other.kill()
    assert train(cfg).iter == TOTAL
