"""Run a long command with a log file, and show its progress."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


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
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('a') as file:
        print(' '.join(command), file=file, flush=True)
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # to also stop the processes of mim
        )
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                on_line(line)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
        return process.wait()
