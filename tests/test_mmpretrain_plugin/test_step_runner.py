"""Steps run in order, side by side, and the time left follows the machine."""

import itertools
import signal
import subprocess
import sys
import time

import pytest

from mmpretrain_plugin.step_runner import (
    Countdown,
    Pace,
    RunningStep,
    Step,
    StepRunner,
)


def step(name, *after, code='', seconds=1.0):
    """Return a step that writes when it starts and ends."""
    line = (
        f'import time; log = open("times", "a"); print("start {name}", '
        f'time.time(), file=log, flush=True); {code or "pass"}; '
        f'print("end {name}", time.time(), file=log)'
    )
    command = [sys.executable, '-c', line]
    return Step(name, f'step {name}', seconds, lambda: command, after)


def times(folder):
    lines = (folder / 'times').read_text().splitlines()
    words = [line.split() for line in lines]
    return {(kind, name): float(moment) for kind, name, moment in words}


def test_a_step_starts_after_those_it_depends_on(tmp_path):
    steps = [
        step('a', code='time.sleep(0.5)'),
        step('b', 'a'),
        step('c'),
        step('d', 'b', 'c'),
    ]
    done = []
    seconds = StepRunner(
        steps, tmp_path / 'logs', cwd=tmp_path,
        on_done=lambda step, seconds: done.append(step.name),
    ).run()  # fmt: skip
    found = times(tmp_path)
    for later in steps:
        for name in later.after:
            assert found['end', name] < found['start', later.name]
    # b cannot start yet, c can.
    assert found['start', 'c'] < found['end', 'a']
    assert set(done) == set(seconds) == set('abcd')
    assert seconds['a'] > 0.5


@pytest.mark.parametrize('count', [1, 2])
def test_no_more_steps_run_than_the_maximum(count, tmp_path):
    steps = [step(name, code='time.sleep(0.3)') for name in 'abcd']
    StepRunner(steps, tmp_path / 'logs', count, cwd=tmp_path).run()
    found = times(tmp_path)
    for group in itertools.combinations('abcd', count + 1):
        start = max(found['start', name] for name in group)
        assert start > min(found['end', name] for name in group)


def test_steps_that_ran_before_are_not_run_again(tmp_path):
    steps = [step('a'), step('b', 'a')]
    StepRunner(
        steps, tmp_path / 'logs', cwd=tmp_path, finished=['a']
    ).run()  # fmt: skip
    assert {name for _, name in times(tmp_path)} == {'b'}


def test_a_failing_step_shows_its_log_and_stops_the_others(tmp_path):
    steps = [
        step('slow', code='time.sleep(60)'),
        step('bad', code='raise RuntimeError("no such luck")'),
        step('later', 'bad'),
    ]
    started = time.monotonic()
    with pytest.raises(SystemExit) as failure:
        StepRunner(steps, tmp_path / 'logs', cwd=tmp_path).run()
    assert time.monotonic() - started < 30
    assert 'no such luck' in str(failure.value)
    log = tmp_path / 'logs' / 'bad.log'
    assert str(failure.value).endswith(f'step bad failed; its log is {log}')
    assert ('start', 'later') not in times(tmp_path)
    assert ('end', 'slow') not in times(tmp_path)


def test_a_step_before_its_dependency_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"b must come after \['a'\]"):
        StepRunner([step('b', 'a'), step('a')], tmp_path)


def test_the_time_left_is_that_of_the_schedule(tmp_path):
    """Two at a time: a, b at 0 s; c at 10 s; d at 30 s, when a has ended."""
    steps = [
        step('a', seconds=30),
        step('b', seconds=10),
        step('d', 'a', seconds=5),
        step('c', 'b', seconds=40),
    ]
    runner = StepRunner(steps, tmp_path)
    assert runner.time_left(0.0) == 50  # b, then c
    runner = StepRunner(steps, tmp_path, max_parallel=1)
    assert runner.time_left(0.0) == 85
    assert StepRunner(steps, tmp_path, finished='abcd').time_left(0.0) == 0


def test_two_steps_of_a_name_are_an_error(tmp_path):
    with pytest.raises(ValueError, match='two steps a'):
        StepRunner([step('a'), step('a')], tmp_path)


def test_the_time_left_follows_the_logs(tmp_path):
    """After 100 s, a log says 300 s: the step takes 400 s instead of 200."""
    steps = [step('a', seconds=200), step('b', 'a', seconds=50)]
    runner = StepRunner(steps, tmp_path, max_parallel=1)
    runner.pending.remove(steps[0])
    run = RunningStep(steps[0], None, started=0.0)
    runner.running.append(run)
    assert runner.time_left(50.0) == 200  # as expected
    run.eta = 300.0, 100.0
    # A quarter of it, 50 s as expected, took 100 s; 30 s count as expected.
    pace = (30 + 100) / (30 + 50)
    assert runner.time_left(100.0) == pytest.approx(300 + 50 * pace)
    assert run.left(390.0, pace) == pytest.approx(10)
    assert run.left(500.0, pace) == 1  # not over, whatever the log said


def test_a_step_that_takes_longer_is_not_about_to_end(tmp_path):
    run = RunningStep(step('a', seconds=10), None, started=0.0)
    assert run.left(4.0, 1.0) == 6
    assert run.left(200.0, 1.0) == 20


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_commands(number, tmp_path):
    """Also the processes that they started."""
    child = 'import time; open("child", "w").close(); time.sleep(5); '
    child += 'open("survived", "w").close()'
    code = (
        'import sys; from pathlib import Path; '
        'from mmpretrain_plugin.step_runner import Step, StepRunner; '
        f'child = [sys.executable, "-c", {child!r}]; '
        'parent = "import subprocess, sys; subprocess.run(sys.argv[1:])"; '
        'run = [sys.executable, "-c", parent, *child]; '
        'StepRunner([Step("a", "a", 1, lambda: run)], Path("logs")).run()'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    for _ in range(600):
        if (tmp_path / 'child').exists():
            break
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(20) == 1
    time.sleep(6)
    assert not (tmp_path / 'survived').exists()


def test_the_pace_becomes_that_of_the_machine():
    """After much work, the expectation itself no longer matters."""
    pace = Pace()
    assert pace.ratio() == 1
    pace.add(20000, 10000)
    assert pace.ratio() == pytest.approx(2, abs=0.01)
    assert pace.ratio([(20000, 10000)]) > pace.ratio()


def test_the_countdown_neither_jumps_nor_stops():
    """An estimate that jumps by 100 s is followed within a minute."""
    countdown = Countdown()
    shown = [countdown.update(200 - t, t) for t in range(10)]
    assert shown == [200 - t for t in range(10)]
    shown += [countdown.update(300 - t, t) for t in range(10, 100)]
    steps = [b - a for a, b in itertools.pairwise(shown)]
    assert max(abs(s) for s in steps) < 6  # per second
    assert all(abs(s) > 0 for s in steps)
    assert shown[70] == pytest.approx(230, rel=0.03)
    assert countdown.update(0, 10000) == pytest.approx(0)
