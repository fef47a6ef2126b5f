"""Checkpoints as a training reads them, without running code in them."""

import os
import zipfile
from pathlib import Path
from typing import Any

from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import get_torchvision_models

from .download import download_checkpoint
from .errors import CheckpointFileError
from .files import plain_dict, read_file
from .safe_pickle import LogHistory, check_archive, read_pickle


def read_training_file(file: str | Path, map_location: Any = 'cpu') -> Any:
    """Read everything that a training saved: weights, optimizer, and logs.

    Args:
        file: A .pt, .pth, .bin or .safetensors file, or the .json index of a
            checkpoint in shards.
        map_location: Device of the tensors, as ``torch.load`` takes it.

    Returns:
        What the file contains. Objects of which nothing but logs need the
        values do nothing.

    Raises:
        CheckpointFileError: If the file is missing or damaged, or could run
            code.
    """
    path = Path(os.path.expanduser(file))
    if not path.is_file() or path.suffix.lower() in ('.safetensors', '.json'):
        return dict(state_dict=read_file(path)[0])
    content = read_pickle(path, with_logs=True, map_location=map_location)
    # mmengine would run the text as a config file; it writes none itself.
    meta = plain_dict(content).get('meta')
    if isinstance(meta, dict):
        meta.pop('config', None)
    _restore_logs(plain_dict(plain_dict(content).get('message_hub')), path)
    return content


def check_training_file(path: Path) -> None:
    """Raise an error if a file is damaged; faster than reading it.

    Raises:
        CheckpointFileError: If it is.
    """
    if zipfile.is_zipfile(path):
        check_archive(path)
    else:
        read_training_file(path)


def _restore_logs(message_hub: dict, path: Path) -> None:
    """Replace every ``LogHistory`` by a ``HistoryBuffer`` of its values."""
    logs = message_hub.get('log_scalars')
    for name, log in plain_dict(logs).items():
        if isinstance(log, LogHistory):
            try:
                logs[name] = HistoryBuffer(log.log_history, log.count_history)
            except (AssertionError, TypeError, ValueError) as error:
                raise CheckpointFileError(
                    f'{path} has a damaged log of {name}: {error}'
                ) from None


def load_from_file(filename: str, map_location: Any = None) -> Any:
    """Load a local file for mmengine."""
    return read_training_file(filename, map_location)


def load_from_web(filename: str, map_location: Any = None) -> Any:
    """Download a file for mmengine, and load it."""
    path = download_checkpoint(filename)
    try:
        return read_training_file(path, map_location)
    except CheckpointFileError as error:
        raise CheckpointFileError(
            f'{error}; delete it to download {filename} again'
        ) from None


def load_from_torchvision(filename: str, map_location: Any = None) -> Any:
    """Load a model of torchvision, such as 'torchvision://resnet50'."""
    name = filename.split('://')[1]
    urls = get_torchvision_models()
    if name not in urls:
        raise CheckpointFileError(
            f'torchvision has no model {name!r}; the names are those of '
            'torchvision.models'
        )
    return load_from_web(urls[name], map_location)


def register_loaders() -> None:
    """Make mmengine load files by the functions above.

    Its own loaders build any object in a file if it has something else than
    weights, which can run any code. Addresses of object stores and of
    OpenMMLab's model zoo ('s3://', 'open-mmlab://' and others) stay with
    mmengine.
    """
    for prefixes, loader in (
        (('',), load_from_file),
        (('http://', 'https://'), load_from_web),
        (('modelzoo://', 'torchvision://'), load_from_torchvision),
    ):
        CheckpointLoader.register_scheme(prefixes, loader, force=True)
