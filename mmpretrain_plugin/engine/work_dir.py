"""The work folder of a training: whose it is, and what it goes on from."""

import re
import time
from collections.abc import Sequence
from pathlib import Path

from ..checkpoint import CheckpointFileError, check_training_file

CHECKPOINT = re.compile(r'(epoch|iter)_\d+\.pth')
LAST_CHECKPOINT = 'last_checkpoint'


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a training, the newest first."""
    if not folder.is_dir():
        return []
    found = [
        p
        for p in folder.iterdir()
        if CHECKPOINT.fullmatch(p.name) and p.is_file()
    ]
    return sorted(found, key=lambda p: (p.stat().st_mtime, p.name))[::-1]


def check_new_training(folder: Path, others: Sequence[Path] = ()) -> None:
    """Raise an error if there are checkpoints that would be replaced.

    Args:
        folder: Work folder of a training that does not resume.
        others: Other folders in which it saves checkpoints.

    Raises:
        FileExistsError: If there are.
    """
    for place in (folder, *others):
        found = _traces(place)
        if found:
            raise FileExistsError(
                f'{place} has checkpoints of an earlier training (such as '
                f'{found[0].name}), and a new one would replace them; add '
                '--resume to continue it, choose another --work-dir, or add '
                '--cfg-options start_over=True'
            )


def set_aside(folder: Path, others: Sequence[Path] = ()) -> None:
    """Move the checkpoints of an earlier training into folders of their own.

    Otherwise a training that starts over could resume from one of them.

    Args:
        folder: Work folder of the training.
        others: Other folders in which it saves checkpoints.
    """
    for place in (folder, *others):
        found = _traces(place)
        if found:
            target = place / f'earlier_{time.strftime("%Y%m%d_%H%M%S")}'
            target.mkdir()
            for path in found:
                path.rename(target / path.name)


def _traces(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, and the record of the last one."""
    record = folder / LAST_CHECKPOINT
    return find_checkpoints(folder) + [record] * record.exists()


def checkpoint_to_resume(
    folder: Path, option: str, others: Sequence[Path] = ()
) -> Path | None:
    """Return the checkpoint that a training in a folder goes on from.

    Args:
        folder: The work folder.
        option: Option of the command line that resumes from the path that
            follows it.
        others: Other folders in which the training saves checkpoints.

    Returns:
        A checkpoint that can be read; None if the folder has none, and
        nothing says that it had.

    Raises:
        CheckpointFileError: If the record of the last checkpoint is missing
            or empty, or what it names is missing or damaged.
    """
    record = folder / LAST_CHECKPOINT
    found = find_checkpoints(folder)
    if not record.exists():
        if not found:
            return None
        problem = f'{record} does not exist, but checkpoints do'
    else:
        name = _first_line(record)
        # Its folder may be relative, or have been moved. A checkpoint of
        # another training, whose folder this is a copy of, is not meant.
        places = [place / Path(name).name for place in (folder, *others)]
        path = next((p for p in places if p.is_file()), None)
        if not name:
            problem = f'{record} names no file'
        elif path is None:
            problem = f'{record} names {name}, which is not in {folder}'
        else:
            try:
                check_training_file(path)
            except CheckpointFileError as error:
                problem = f'{record} names a file that cannot be used: {error}'
                found = [p for p in found if p.name != path.name]
            else:
                return path
    complete = next(filter(_is_complete, found), None)
    if complete is None:
        raise CheckpointFileError(
            f'{problem}; no other checkpoint in {folder} is complete: start '
            'over in another --work-dir'
        )
    raise CheckpointFileError(
        f'{problem}; {complete} is the newest complete checkpoint: run the '
        f'same command with {option}{complete}'
    )


def _first_line(record: Path) -> str:
    """Return the path in a record; nothing if it cannot be one."""
    try:
        lines = record.read_text(errors='replace').split('\n')
    except OSError:
        return ''
    line = lines[0].strip()
    # Longer names than file systems have, which would be an error of its own.
    return '' if len(Path(line).name.encode()) > 255 else line


def _is_complete(path: Path) -> bool:
    """Return whether a checkpoint can be read."""
    try:
        check_training_file(path)
    except CheckpointFileError:
        return False
    return True
