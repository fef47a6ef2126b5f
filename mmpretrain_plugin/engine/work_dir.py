"""The work folder of a training: whose it is, and what it goes on from."""

import re
from pathlib import Path

from ..checkpoint import CheckpointFileError, check_training_file

CHECKPOINT = re.compile(r'(epoch|iter)_\d+\.pth')
RECORD = 'last_checkpoint'


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a training, the newest first."""
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if CHECKPOINT.fullmatch(p.name)]
    return sorted(found, key=lambda p: (p.stat().st_mtime, p.name))[::-1]


def check_new_training(folder: Path) -> None:
    """Raise an error if a folder has checkpoints that would be replaced.

    Raises:
        FileExistsError: If it has.
    """
    found = find_checkpoints(folder)
    if found:
        raise FileExistsError(
            f'{folder} has checkpoints of an earlier training (the newest is '
            f'{found[0].name}), and a new one would replace them; add '
            '--resume to go on, choose another --work-dir, or add '
            '--cfg-options start_over=True'
        )


def checkpoint_to_resume(folder: Path, option: str) -> Path | None:
    """Return the checkpoint that a training in a folder goes on from.

    Args:
        folder: The work folder.
        option: Option of the command line that resumes from the path that
            follows it.

    Returns:
        A checkpoint that can be read; None if the folder has none, and
        nothing says that it had.

    Raises:
        CheckpointFileError: If the record of the last checkpoint is missing
            or empty, or what it names is missing or damaged.
    """
    record = folder / RECORD
    found = find_checkpoints(folder)
    if not record.exists():
        if not found:
            return None
        problem = f'{record} does not exist, but checkpoints do'
    else:
        name = record.read_text(errors='replace').strip()
        # The path is relative to where the training was started.
        places = [Path(name), folder / Path(name).name]
        path = next((p for p in places if p.is_file()), None)
        if not name:
            problem = f'{record} is empty'
        elif path is None:
            problem = f'{record} names {name}, which does not exist'
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


def _is_complete(path: Path) -> bool:
    """Return whether a checkpoint can be read."""
    try:
        check_training_file(path)
    except CheckpointFileError:
        return False
    return True
