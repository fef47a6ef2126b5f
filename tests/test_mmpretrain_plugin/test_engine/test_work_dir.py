"""A training resumes from the right checkpoint, and replaces none."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.registry import RUNNERS

from mmpretrain_plugin.checkpoint import CheckpointFileError
from mmpretrain_plugin.engine.work_dir import checkpoint_to_resume
from tests.helpers.interrupted_training import TOTAL, config, train
from tests.helpers.small_pretraining import make_images

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp('images'))


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
