"""Commands run with a log, and their progress is printed now and then."""

import signal
import sys
import time

import pytest

from mmpretrain_plugin.launch import (
    LoggedProcess,
    Progress,
    ProgressLine,
    clock,
    exit_on_signals,
    last_checkpoint,
    mim_test,
    mim_train,
    run_logged,
    seconds_left,
)


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(9, '0:09'), (61.9, '1:01'), (3599, '59:59'), (3600, '1:00:00')],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ('line', 'seconds'),
    [
        ('Epoch(train) [1][20/63]  lr: 1e-3  eta: 0:04:36  time: 0.4', 276),
        ('Iter(train) [1/2]  eta: 1 day, 2:00:01  loss: 1', 93601),
        ('Epoch(test) [100/100]  coco/bbox_mAP: 0.1', None),
    ],
)
def test_time_left_is_read_from_logs(line, seconds):
    assert seconds_left(line) == seconds


@pytest.mark.parametrize(
    ('terminal', 'shown'),
    [(False, '0\n20\n40\n'), (True, ''.join(f'{i}\r' for i in range(50)))],
)
def test_a_progress_line_is_printed_now_and_then(
    terminal, shown, monkeypatch, capsys
):
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: terminal)
    line = ProgressLine()
    for second in range(50):
        for part in (0, 0.5):
            monkeypatch.setattr(time, 'monotonic', lambda t=second + part: t)
            line.show(str(second))
    assert capsys.readouterr().out == shown


def test_the_time_left_follows_from_the_speed(monkeypatch, capsys):
    """It does not depend on what a unit of work is."""
    now = [0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    for unit in (1, 1000):
        now[0] = 0
        progress = Progress(30 * unit, 'first')
        now[0] = 20
        progress.advance(10 * unit)  # 2 s each
        now[0], progress.left, progress.text = 40, 5 * unit, 'second'
        progress.advance(unit)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    expected = [
        'first, 0:20, about 0:40 left',
        'second, 0:40, about 0:14 left',  # 40 s for 11, 4 are left
    ]
    assert lines == expected * 2


def test_a_training_is_resumed_if_there_is_a_checkpoint(tmp_path):
    first = mim_train('mmdet', 'a.py', tmp_path, ['--amp'], ['x=1'])
    assert first[1:] == [
        'train', 'mmdet', 'a.py', '--work-dir', str(tmp_path), '--amp',
        '--cfg-options', 'x=1',
    ]  # fmt: skip
    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth\n')
    assert last_checkpoint(tmp_path) == 'epoch_1.pth'
    second = mim_train('mmdet', 'a.py', tmp_path, ['--amp'], ['x=1'])
    assert second == [*first[:-2], '--resume', *first[-2:]]


def test_overrides_join_those_of_the_user(tmp_path):
    more = ['--cfg-options', 'y=2']
    command = mim_train('mmseg', 'a.py', tmp_path, more, ['x=1'])
    assert command[-3:] == ['--cfg-options', 'x=1', 'y=2']
    command = mim_test('mmseg', 'a.py', 'w.pth', tmp_path, ['--tta'], ['x=1'])
    assert command[1:] == [
        'test', 'mmseg', 'a.py', '--checkpoint', 'w.pth', '--work-dir',
        str(tmp_path), '--tta', '--cfg-options', 'x=1',
    ]  # fmt: skip


def test_lines_are_complete(tmp_path):
    """A line that is written in two parts is read once."""
    code = (
        'import time; print("one ", end="", flush=True); time.sleep(1); '
        'print("line"); print("end", end="")'
    )
    lines = []
    run_logged([sys.executable, '-c', code], tmp_path / 'log', lines.append)
    assert lines == ['one line\n', 'end']


def test_output_goes_to_the_log_and_to_the_callback(tmp_path):
    log, lines = tmp_path / 'new' / 'log.txt', []
    code = 'import os; print(os.environ["A"]); print("two"); exit(3)'
    command = [sys.executable, '-c', code]
    status = run_logged(command, log, lines.append, env={'A': 'one'})
    assert status == 3
    assert lines == ['one\n', 'two\n']
    assert log.read_text() == ' '.join(command) + '\none\ntwo\n'


def test_a_signal_that_is_ignored_stays_so():
    """As SIGHUP under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with exit_on_signals():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert callable(signal.getsignal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_that_saves_before_it_exits_is_waited_for(tmp_path):
    """Also where it is a child of the command, as trainings are of mim."""
    training = (
        'import signal, sys, time\n'
        'def save(*_):\n'
        '    time.sleep(1)\n'
        '    open("saved", "w").close()\n'
        '    sys.exit()\n'
        'signal.signal(signal.SIGTERM, save)\n'
        'open("ready", "w").close()\n'
        'time.sleep(60)\n'
    )
    parent = 'import subprocess, sys; subprocess.run(sys.argv[1:])'
    command = [sys.executable, '-c', parent, sys.executable, '-c', training]
    process = LoggedProcess(command, tmp_path / 'log', cwd=tmp_path)
    while not (tmp_path / 'ready').exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.stop()
    assert (tmp_path / 'saved').exists()
