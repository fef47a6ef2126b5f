"""Run long commands, such as those of mim, and show their progress."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 10  # seconds that a command may take to stop
MIM = str(Path(sys.executable).with_name('mim'))


def clock(seconds: float) -> str:
    """Format seconds as h:mm:ss, or as m:ss below one hour."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours}:{minutes:02d}:{seconds:02d}'
    return f'{minutes}:{seconds:02d}'


def seconds_left(line: str) -> int | None:
    """Return the remaining seconds that a line of mmengine's log reports."""
    eta = re.search(r'eta: (?:(\d+) days?, )?(\d+):(\d+):(\d+)', line)
    if not eta:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in eta.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


class ProgressLine:
    """One line on a terminal that changes, or a line every 20 s in a log."""

    def __init__(self) -> None:
        self.shown = float('-inf')

    def show(self, text: str) -> None:
        """Print a text, unless the last one was printed a moment ago."""
        terminal = sys.stdout.isatty()
        if time.monotonic() - self.shown < (1 if terminal else 20):
            return
        self.shown = time.monotonic()
        print(text, end='\r' if terminal else '\n', flush=True)


class Progress:
    """Progress of work of known size, with the time left at its speed.

    Args:
        left: Work that is left, in any unit.
        text: What is being done.

    Both may be set again at any time.
    """

    def __init__(self, left: float = 0.0, text: str = '') -> None:
        self.left = left
        self.text = text
        self.done = 0.0
        self.line = ProgressLine()
        self.started = time.monotonic()

    @property
    def passed(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self.started

    def advance(self, work: float) -> None:
        """Add work that is done, and show the text and the time left."""
        self.done += work
        self.left = max(self.left - work, 0.0)
        left = clock(self.passed / self.done * self.left)
        line = f'{self.text}, {clock(self.passed)}, about {left} left'
        self.line.show(line.ljust(78))


class LoggedProcess:
    """A running command whose output goes to a file.

    Args:
        command: Command line.
        log: File to append to; the command line is written first.
        cwd: Working directory.
        env: Variables to set in addition to those of this process.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open('a') as file:
            print(' '.join(command), file=file, flush=True)
            self._reader = log.open(errors='replace')
            self._reader.seek(file.tell())
            self._rest = ''  # a line that is not finished
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # to also stop the processes of mim
            )

    def read_lines(self) -> list[str]:
        """Return the lines that were written since the last call."""
        text = self._rest + self._reader.read()
        lines = text.splitlines(keepends=True)
        unfinished = lines and not text.endswith('\n')
        self._rest = lines.pop() if unfinished and self.poll() is None else ''
        return lines

    def poll(self) -> int | None:
        """Return the exit status, None while the command is running."""
        return self._process.poll()

    def stop(self) -> None:
        """Stop the command and the processes that it started.

        A training may save a checkpoint before it exits.
        """
        self._signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while self._signal(0) and time.monotonic() < end:
            time.sleep(0.1)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> bool:
        """Signal all processes, and return whether there are any."""
        self.poll()  # so that no zombie counts
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Exit on SIGTERM and SIGHUP, which would leave the commands running.

    They end a process at once; ``finally`` clauses stop what it started. A
    signal that is ignored stays so, as SIGHUP under ``nohup``.
    """

    def leave(number: int, frame: object) -> None:
        raise SystemExit(f'stopped by {signal.Signals(number).name}')

    before = {
        number: signal.signal(number, leave)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_logged(
    command: list[str],
    log: Path,
    on_line: Callable[[str], None],
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> int:
    """Run a command and append its output to a file.

    Args:
        command: Command line.
        log: File to append to; the command line is written first.
        on_line: Called with every line of the output.
        cwd: Working directory.
        env: Variables to set in addition to those of this process.

    Returns:
        Exit status of the command.
    """
    process = LoggedProcess(command, log, cwd, env)
    try:
        while True:
            status = process.poll()
            for line in process.read_lines():
                on_line(line)
            if status is not None:
                return status
            time.sleep(0.1)
    finally:
        process.stop()


def last_checkpoint(work_dir: Path) -> str:
    """Return the last checkpoint of a training in its work folder."""
    return (work_dir / 'last_checkpoint').read_text().strip()


def mim_train(
    library: str,
    config: str | Path,
    work_dir: Path,
    more: Sequence[str] = (),
    options: Sequence[str] = (),
) -> list[str]:
    """Return the command that trains a config, or resumes its training.

    Args:
        library: 'mmpretrain', 'mmdet' or 'mmseg'.
        config: Path of the config.
        work_dir: Work folder; a training in it is resumed.
        more: Options for mim.
        options: Overrides of the config, ``KEY=VALUE``.
    """
    command = [MIM, 'train', library, str(config)]
    command += ['--work-dir', str(work_dir), *more]
    if (work_dir / 'last_checkpoint').exists():
        command.append('--resume')
    return _with_options(command, options)


def mim_test(
    library: str,
    config: str | Path,
    checkpoint: str,
    work_dir: Path,
    more: Sequence[str] = (),
    options: Sequence[str] = (),
) -> list[str]:
    """Return the command that tests a config.

    Args:
        library: 'mmpretrain', 'mmdet' or 'mmseg'.
        config: Path of the config.
        checkpoint: Weights to test.
        work_dir: Folder of the results.
        more: Options for mim.
        options: Overrides of the config, ``KEY=VALUE``.
    """
    command = [MIM, 'test', library, str(config), '--checkpoint', checkpoint]
    command += ['--work-dir', str(work_dir), *more]
    return _with_options(command, options)


def _with_options(command: list[str], options: Sequence[str]) -> list[str]:
    """Add overrides of the config, next to those that are there."""
    if not options:
        return command
    if '--cfg-options' not in command:
        return [*command, '--cfg-options', *options]
    at = command.index('--cfg-options') + 1
    return [*command[:at], *options, *command[at:]]
