"""Image files among paths of a command line."""

from collections.abc import Sequence
from pathlib import Path

SUFFIXES = ('.jpg', '.jpeg', '.png')


def find_images(paths: Sequence[Path], count: int) -> list[Path]:
    """Return the first image files among files and folders.

    Args:
        paths: Image files, and folders that are searched recursively.
        count: Largest number of files to return.

    Raises:
        FileNotFoundError: If a path does not exist, or there are no images.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f'{path} does not exist')
        files = sorted(path.rglob('*')) if path.is_dir() else [path]
        found += [f for f in files if f.suffix.lower() in SUFFIXES]
    if not found:
        raise FileNotFoundError(
            f'no images ({", ".join(SUFFIXES)}) in '
            f'{", ".join(map(str, paths))}'
        )
    return found[:count]
