"""Checkpoints from web addresses, kept where the hosts keep theirs."""

import hashlib
import os
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import torch
from mmengine.dist import barrier, get_rank
from tqdm import tqdm

from .files import CheckpointFileError

# The hosts keep its files, whose names end in a hash, in one folder.
OPENMMLAB = 'download.openmmlab.com'


def cached_path(url: str) -> Path:
    """Tell where the file of an address is kept.

    Files of OpenMMLab lie where the hosts find them. Others, such as Hugging
    Face's ``model.safetensors``, have one name at many addresses, and get the
    folders of their address.

    Raises:
        CheckpointFileError: If the address names no file.
    """
    address = urlsplit(url)
    parts = [p for p in address.path.split('/') if p not in ('', '.', '..')]
    if not parts:
        raise CheckpointFileError(f'{url} names no file')
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    if address.netloc == OPENMMLAB:
        return folder / parts[-1]
    if address.query:  # which may name a version
        digest = hashlib.sha256(address.query.encode()).hexdigest()
        parts.insert(-1, digest[:16])
    return folder.joinpath(address.netloc.replace(':', '_'), *parts)


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
    part = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urlopen(url, timeout=60) as answer:
            save(answer, part)
        part.replace(path)
    except (OSError, ValueError, HTTPException) as error:
        raise CheckpointFileError(
            f'{url} could not be downloaded ({error}); download it elsewhere '
            f'and name the file, or put it at {path}'
        ) from None
    finally:
        part.unlink(missing_ok=True)


def save(answer: object, path: Path) -> None:
    """Write what a server sends, with a bar of progress.

    Raises:
        OSError: If it sends less than it announced.
    """
    size = int(answer.headers.get('Content-Length') or 0)
    bar = tqdm(total=size or None, unit='B', unit_scale=True, desc=path.name)
    with path.open('wb') as file, bar:
        while piece := answer.read(1 << 20):
            file.write(piece)
            bar.update(len(piece))
    if size and path.stat().st_size != size:
        raise OSError(f'only {path.stat().st_size} of {size} bytes arrived')
