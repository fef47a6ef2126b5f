"""A folder of results that one command at a time fills, and resumes."""

import fcntl
import json
from pathlib import Path
from typing import Any, TextIO

from .output_files import check_output_folder, write_json


def lock_folder(folder: Path) -> TextIO:
    """Lock a folder, which no other process then can lock.

    Args:
        folder: A folder, which is created if it does not exist.

    Returns:
        The lock, which lasts until it is closed or the process ends. Its
        children do not have it.

    Raises:
        OSError: If the folder cannot be written to or locked.
        ValueError: If another process has the folder.
    """
    check_output_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / 'lock').open('w')
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # two names of one error
        lock.close()
        raise ValueError(
            f'another process is running in {folder}; wait for it, or use '
            'another folder'
        ) from None
    return lock


def claim_folder(
    folder: Path, settings: dict[str, Any], record: str = 'settings.json'
) -> TextIO:
    """Lock a folder and record the settings of its results.

    Without the record, a command with other settings would find its results
    finished.

    Args:
        folder: Folder of results, which is created if it does not exist.
        settings: What all results have in common, as JSON can write it.
        record: Name of the file with the settings.

    Returns:
        The lock, which lasts as long as the object and the process.

    Raises:
        OSError: If the folder cannot be written to.
        ValueError: If another process has the folder, or it holds results
            with other settings.
    """
    lock = lock_folder(folder)
    path = folder / record
    if not path.exists():
        write_json(settings, path)
        return lock
    recorded = json.loads(path.read_text())
    other = [k for k in settings if recorded.get(k) != settings[k]]
    if other:
        lock.close()
        raise ValueError(
            f'{folder} holds results with another {" and ".join(other)} (see '
            f'{path}); use another folder, or remove it'
        )
    return lock
