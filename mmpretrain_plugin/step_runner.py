"""Run commands that depend on each other, some side by side."""

import math
import os
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .launch import (
    LoggedProcess,
    ProgressLine,
    clock,
    exit_on_signals,
    seconds_left,
)

WIDTH = 78  # of a line of progress
LOG_TAIL = 25  # lines shown when a step fails


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: Name of the step and of its log.
        title: Description that is printed.
        seconds: Expected duration; only ratios between steps matter after the
            first minute.
        command: Returns the command line; called when the step starts.
        after: Names of the steps that must have run.
    """

    name: str
    title: str
    seconds: float
    command: Callable[[], list[str]]
    after: tuple[str, ...] = ()


class Pace:
    """Ratio of measured to expected durations on this machine."""

    PRIOR = 30.0  # seconds for which the expectation itself counts

    def __init__(self) -> None:
        self.measured = self.PRIOR
        self.expected = self.PRIOR

    def add(self, measured: float, expected: float) -> None:
        """Add a finished step."""
        self.measured += measured
        self.expected += expected

    def ratio(self, running: Sequence[tuple[float, float]] = ()) -> float:
        """Return the ratio.

        Args:
            running: Measured and expected seconds of the finished parts of
                running steps.
        """
        measured = self.measured + sum(m for m, _ in running)
        return measured / (self.expected + sum(e for _, e in running))


class Countdown:
    """Time left that approaches an estimate smoothly.

    Args:
        smoothing: Seconds in which the difference to the estimate falls to a
            third.
    """

    def __init__(self, smoothing: float = 20.0) -> None:
        self.smoothing = smoothing
        self.shown: float | None = None
        self.time = 0.0

    def update(self, estimate: float, now: float) -> float:
        """Return the seconds to show.

        Args:
            estimate: Estimated seconds left.
            now: Time of the monotonic clock.
        """
        if self.shown is None:
            self.shown = estimate
        else:
            passed = now - self.time
            expected = self.shown - passed
            weight = math.exp(-passed / self.smoothing)
            self.shown = max(estimate + (expected - estimate) * weight, 0.0)
        self.time = now
        return self.shown


@dataclass
class RunningStep:
    """A step that is running.

    Attributes:
        step: The step.
        process: Its process.
        started: Time of the monotonic clock.
        eta: Seconds left by its log, and when the log said so.
    """

    step: Step
    process: LoggedProcess
    started: float = field(default_factory=time.monotonic)
    eta: tuple[float, float] | None = None

    def passed(self, now: float) -> float:
        """Return the seconds since the start."""
        return now - self.started

    def left(self, now: float, pace: float) -> float:
        """Estimate the seconds left.

        Args:
            now: Time of the monotonic clock.
            pace: Ratio of measured to expected durations, used until the log
                reports the time left.
        """
        if self.eta is not None:
            return max(self.eta[0] - (now - self.eta[1]), 1.0)
        left = self.step.seconds * pace - self.passed(now)
        # A step that takes longer than expected: assume another tenth.
        return max(left, 0.1 * self.passed(now), 1.0)


class StepRunner:
    """Runs steps, at most a number of them at a time.

    Args:
        steps: All steps; a step comes after those it depends on. Of the steps
            that can run, the first one starts.
        logs: Folder of the logs, one per step.
        max_parallel: Number of steps at a time. The cores are divided among
            them.
        cwd: Working directory.
        env: Variables to set in addition to those of this process.
        on_done: Called after each step with the step and its seconds.
        finished: Names of steps that ran before.

    Raises:
        ValueError: If two steps have the same name, or a step comes before one
            that it depends on.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        logs: Path,
        max_parallel: int = 2,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        on_done: Callable[[Step, float], None] = lambda step, seconds: None,
        finished: Iterable[str] = (),
    ) -> None:
        known: set[str] = set()
        for step in steps:
            if missing := set(step.after) - known:
                raise ValueError(
                    f'step {step.name} must come after {sorted(missing)}'
                )
            if step.name in known:
                raise ValueError(f'there are two steps {step.name}')
            known.add(step.name)
        self.steps = steps
        self.logs = logs
        self.max_parallel = max_parallel
        threads = max(len(os.sched_getaffinity(0)) // max_parallel, 1)
        self.cwd = cwd
        self.env = {'OMP_NUM_THREADS': str(threads), **(env or {})}
        self.on_done = on_done
        self.done = set(finished)
        self.pending = [step for step in steps if step.name not in self.done]
        self.running: list[RunningStep] = []
        self.pace = Pace()
        self.countdown = Countdown()
        self.line = ProgressLine()
        self.started = time.monotonic()

    def run(self) -> dict[str, float]:
        """Run all steps that did not run before.

        Returns:
            Their durations in seconds by name.

        Raises:
            SystemExit: With the end of the log, if a command fails; the
                others are stopped.
        """
        seconds: dict[str, float] = {}
        with exit_on_signals():
            try:
                while self.pending or self.running:
                    self._start()
                    for run in list(self.running):
                        status = run.process.poll()
                        self._read(run)
                        if status is not None:
                            seconds[run.step.name] = self._finish(run, status)
                    self._show()
                    time.sleep(0.2)
            finally:
                for run in self.running:
                    run.process.stop()
        return seconds

    def time_left(self, now: float) -> float:
        """Estimate the seconds until all steps have run.

        The remaining steps are scheduled in advance, with the durations that
        the finished ones suggest.

        Args:
            now: Time of the monotonic clock.
        """
        parts = []
        for run in self.running:
            if run.eta is not None:
                passed = run.passed(now)
                share = passed / (passed + run.left(now, 1.0))
                parts.append((passed, share * run.step.seconds))
        pace = self.pace.ratio(parts)
        ends = {r.step.name: r.left(now, pace) for r in self.running}
        free = [*ends.values(), *[0.0] * (self.max_parallel - len(ends))]
        pending = list(self.pending)
        while pending:
            free.sort()
            # When each step could start, and the first of those that can
            # start first.
            starts = [
                max([free[0], *(ends.get(name, 0.0) for name in step.after)])
                if all(n in self.done or n in ends for n in step.after)
                else math.inf
                for step in pending
            ]
            first = starts.index(min(starts))
            step = pending.pop(first)
            free[0] = starts[first] + step.seconds * pace
            ends[step.name] = free[0]
        return max(ends.values(), default=0.0)

    def _start(self) -> None:
        """Start steps until the maximum number runs."""
        for step in list(self.pending):
            if len(self.running) == self.max_parallel:
                return
            if self.done.issuperset(step.after):
                self.pending.remove(step)
                log = self.logs / f'{step.name}.log'
                process = LoggedProcess(
                    step.command(), log, self.cwd, self.env
                )
                self.running.append(RunningStep(step, process))

    def _read(self, run: RunningStep) -> None:
        """Read the time left from the log."""
        for line in run.process.read_lines():
            left = seconds_left(line)
            if left is not None:
                run.eta = left, time.monotonic()

    def _finish(self, run: RunningStep, status: int) -> float:
        """Record a step that ended, and return its seconds."""
        self.running.remove(run)
        step, seconds = run.step, run.passed(time.monotonic())
        if status:
            log = self.logs / f'{step.name}.log'
            tail = log.read_text(errors='replace').splitlines()[-LOG_TAIL:]
            raise SystemExit(
                '\n'.join(tail) + f'\n\n{step.title} failed; its log is {log}'
            )
        self.done.add(step.name)
        self.pace.add(seconds, step.seconds)
        count = sum(step.name in self.done for step in self.steps)
        line = f'[{count:2}/{len(self.steps)}] {step.title}: {clock(seconds)}'
        print(line.ljust(WIDTH), flush=True)
        self.on_done(step, seconds)
        return seconds

    def _show(self) -> None:
        """Print which steps run, the time that passed and the time left."""
        now = time.monotonic()
        left = self.countdown.update(self.time_left(now), now)
        titles = ', '.join(run.step.title for run in self.running)
        if titles:
            passed = clock(now - self.started)
            text = f'{passed} passed, about {clock(left)} left: {titles}'
            text = textwrap.shorten(text, WIDTH, placeholder=' ...')
            self.line.show(text.ljust(WIDTH))
