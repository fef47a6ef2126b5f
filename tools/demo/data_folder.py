"""Folders of generated data, written completely or not at all."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_data_folder(
    root: Path, mark: str, recipe: str, write: Callable[[Path], None]
) -> bool:
    """Write a data set unless the folder has the same one already.

    Args:
        root: Folder of the data set.
        mark: Name of the file in it that holds the recipe.
        recipe: Everything that the data depends on.
        write: Writes the data into an empty folder.

    Returns:
        Whether the data set was written.

    Raises:
        SystemExit: If the folder exists and is not a data set of this kind.
    """
    file = root / mark
    if file.exists() and file.read_text() == recipe:
        return False
    if root.exists() and not file.exists():
        raise SystemExit(
            f'{root} exists and was not written by this tool; choose another '
            'folder, or remove it'
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=root.name, dir=root.parent))
    try:
        write(partial)
        (partial / mark).write_text(recipe)
        shutil.rmtree(root, ignore_errors=True)
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True
