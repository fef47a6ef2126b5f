"""Checkpoints from web addresses, kept where the hosts keep theirs."""

import re
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank

from .files import CheckpointFileError


def cached_path(url: str) -> Path:
    """Tell where the file of an address is kept.

    The file names of OpenMMLab and torch end in a hash, and the hosts keep
    them in one folder. Others, such as Hugging Face's ``model.safetensors``,
    have the same name everywhere, and get the folders of their address.
    """
    parts = urlparse(url)
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    name = Path(parts.path).name
    if re.search(r'[-_][0-9a-f]{8}\.\w+$', name):
        return folder / name
    return folder.joinpath(
        parts.netloc.replace(':', '_'),
        *(part for part in Path(parts.path).parts if part not in ('/', '..')),
    )


def download(url: str) -> Path:
    """Download a checkpoint, once, with a bar of progress.

    Of several processes the first one downloads and the others wait; those
    on another machine, which have another cache, then do so too.

    Args:
        url: Address that begins with 'http://' or 'https://'.

    Returns:
        The local file.

    Raises:
        CheckpointFileError: If it cannot be downloaded.
    """
    path = cached_path(url)
    try:
        if get_rank() == 0:
            fetch(url, path)
    finally:
        barrier()
    fetch(url, path)
    return path


def fetch(url: str, path: Path) -> None:
    """Download a file that is not there yet, whole or not at all.

    Raises:
        CheckpointFileError: If it cannot be downloaded.
    """
    if path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path))
    except (OSError, ValueError) as error:
        raise CheckpointFileError(
            f'{url} could not be downloaded ({error}); download it elsewhere '
            f'and name the file, or put it at {path}'
        ) from None
