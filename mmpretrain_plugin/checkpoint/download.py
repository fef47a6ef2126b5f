"""Download of checkpoints into the cache of torch.hub."""

import hashlib
import re
import zipfile
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import torch
from mmengine.dist import barrier, get_rank

from ..output_files import complete_file
from .errors import CheckpointFileError
from .safe_pickle import check_archive

# OpenMMLab's file names end with a date, in detectors and segmentors also the
# time, and 8 digits of the SHA-256.
HASHED_NAME = re.compile(r'.*_\d{8}(?:_\d{6})?-([0-9a-f]{8})\.pth')


def cached_path(url: str) -> Path:
    """Return the path at which the file of a web address is cached.

    A file name with a hash is unique, and mmengine caches the same file at
    the same path. Other names, such as ``model.safetensors``, occur at many
    addresses; the path then contains the complete address.
    """
    try:
        address = urlsplit(url)
    except ValueError as error:
        raise CheckpointFileError(f'{url} is no address: {error}') from None
    parts = [p for p in address.path.split('/') if p not in ('', '.', '..')]
    if not parts:
        raise CheckpointFileError(
            f'{url} contains no file name; use the address of a file'
        )
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    if HASHED_NAME.fullmatch(parts[-1]):
        return folder / parts[-1]
    if address.query:  # it may select a version
        digest = hashlib.sha256(address.query.encode()).hexdigest()
        parts.insert(-1, digest[:16])
    return folder.joinpath(address.netloc.replace(':', '_'), *parts)


def download_checkpoint(url: str) -> Path:
    """Download a checkpoint unless it is cached, and return its path.

    Of several processes the first one downloads and the others wait. A
    process on another machine, with another cache, downloads after that.

    Args:
        url: Address that begins with 'http://' or 'https://'.

    Raises:
        CheckpointFileError: If the file cannot be downloaded, or its length
            or hash is wrong.
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
    """Download a file if the path does not exist; a failure leaves none."""
    if path.is_file():
        return
    hashed = HASHED_NAME.fullmatch(path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        length = content_length(url)
        with complete_file(path) as part:
            torch.hub.download_url_to_file(
                url, str(part), hash_prefix=hashed[1] if hashed else None
            )
            size = part.stat().st_size
            if length not in (None, size):
                raise OSError(f'received {size} of {length} bytes')
            check_content(part, path.suffix.lower())
    except (OSError, ValueError, RuntimeError, HTTPException) as error:
        raise CheckpointFileError(
            f'{url} could not be downloaded ({error}); download it by other '
            f'means and set checkpoint to the file, or copy it to {path}'
        ) from None


def check_content(file: Path, suffix: str) -> None:
    """Raise an error if a file does not begin as a checkpoint, or is damaged.

    Servers also send web pages, about a license or an error, as a success.

    Args:
        file: The file, whose own name means nothing.
        suffix: Suffix of its address.

    Raises:
        CheckpointFileError: If it cannot be a checkpoint.
    """
    if zipfile.is_zipfile(file):
        check_archive(file)
        return
    with file.open('rb') as opened:
        start = opened.read(9)
    if suffix == '.safetensors':  # the length of the header, and the header
        is_checkpoint = start[8:] == b'{'
    elif suffix == '.json':
        is_checkpoint = start[:1] == b'{'
    else:
        is_checkpoint = start[:1] == b'\x80'  # of a pickle
    if not is_checkpoint:
        raise CheckpointFileError(
            f'the server sent no checkpoint, but a file of '
            f'{file.stat().st_size} bytes that begins with {start!r}'
        )


def content_length(url: str) -> int | None:
    """Return the length that a server announces, None if it does not.

    ``torch.hub`` does not notice that a connection was closed too early.
    """
    try:
        with urlopen(Request(url, method='HEAD'), timeout=60) as answer:
            length = answer.headers['Content-Length']
    except HTTPError as error:
        if error.code == 404:
            raise
        return None  # some servers only answer GET
    except (HTTPException, ConnectionError):
        return None
    return int(length or 0) or None  # others answer HEAD with length 0
