"""Run a long command of the hosts: its log, and how long it still takes."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path


def clock(seconds: float) -> str:
    """Write seconds as h:mm:ss, without hours where there are none."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours}:{minutes:02d}:{seconds:02d}'
    return f'{minutes}:{seconds:02d}'


def seconds_left(line: str) -> int | None:
    """Read the time left from a line of a host's log, if it tells."""
    eta = re.search(r'eta: (?:(\d+) days?, )?(\d+):(\d+):(\d+)', line)
    if not eta:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in eta.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def run_logged(
    command: list[str],
    log: Path,
    on_line: Callable[[str], None],
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> int:
    """Run a command with its output in a file.

    Args:
        command: The command line.
        log: The file, added to; the command comes first.
        on_line: Called with every line of the output.
        cwd: Folder to run in.
        env: Variables to set besides those of this process.

    Returns:
        Its exit status.
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
            start_new_session=True,  # mim's own children end with it
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
