"""Output files that are complete or not there."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Provide a temporary path that becomes the file after success.

    After a failure or an interruption it is gone and ``path`` as before::

        with complete_file(path) as part:
            part.write_text(text)

    Args:
        path: File to write in an existing folder; an existing file is
            replaced.

    Yields:
        A hidden path in the same folder.
    """
    part = path.with_name(f'.{secrets.token_hex(8)}.part')
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(content: object, path: Path) -> None:
    """Write a JSON file completely or not at all.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON does not have.
    """
    with complete_file(path) as part:
        part.write_text(json.dumps(content, indent=1, allow_nan=False) + '\n')


def check_output_folder(folder: Path) -> None:
    """Raise an error if a folder cannot be written to, or not be created.

    Long work calls it first, so that it does not fail when it is done.

    Raises:
        OSError: If the folder or the one it would be created in is a file, or
            may not be written to.
    """
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise NotADirectoryError(f'{existing} is a file; choose a folder')
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(
            f'{existing} cannot be written to; choose another folder'
        )
