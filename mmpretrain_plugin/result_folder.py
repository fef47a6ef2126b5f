"""A folder of results that one command at a time fills, and resumes."""

import fcntl
import json
from pathlib import Path
from typing import Any, TextIO

from .output_files import check_output_folder, write_json


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
    check_output_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / 'lock').open('w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ValueError(
            f'another process is running in {folder}; wait for it, or use '
            'another folder'
        ) from None
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
