"""Checkpoint files: read without running code, written completely or not."""

import hashlib
import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..output_files import complete_file
from .errors import CheckpointFileError
from .safe_pickle import check_storage, first_line, read_pickle
from .weights import State

Metadata = dict[str, str]

# Keys under which training scripts save a state dict, in order of search.
CONTAINERS = ('state_dict', 'model', 'module')
# What a conversion writes about the origin of weights.
METADATA = ('source', 'source_sha256', 'source_format', 'license')
# Keys of version 0.1.
FORMER_KEYS = {'source_format': 'source_layout', 'license': 'licence'}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a checkpoint.

    That of a checkpoint in shards is of its index followed by the shards in
    the order of their names.
    """
    is_index = path.suffix.lower() == '.json'
    shards = set(read_index(path).values()) if is_index else ()
    digest = hashlib.sha256()
    for part in (path, *sorted(shards)):
        with part.open('rb') as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def read_file(
    path: Path, trust: bool = False, key: str | None = None
) -> tuple[State, Metadata]:
    """Read the state dict of a checkpoint onto the CPU.

    Args:
        path: A .pt, .pth, .bin or .safetensors file, or the .json index of a
            checkpoint in shards.
        trust: Whether to build all objects of a pickle, which can run code.
        key: Key of the state dict in the file, if it is not a usual one.

    Returns:
        The state dict, and the metadata that a conversion wrote.

    Raises:
        CheckpointFileError: If the file is missing or damaged, could run
            code, or contains no tensors.
    """
    path = Path(path)
    if not path.is_file():
        what = 'is a folder, not a file' if path.is_dir() else 'does not exist'
        raise CheckpointFileError(f'{path} {what}')
    suffix = path.suffix.lower()
    if suffix not in ('.safetensors', '.json'):
        content = read_pickle(path, trust)
        state, metadata = find_state_dict(content, path, key)
        check_storage(state, path)
        return state, metadata
    if key:
        raise CheckpointFileError(
            f'{path} has no keys to choose {key!r} from; only .pt, .pth and '
            '.bin files have'
        )
    if suffix == '.safetensors':
        return read_safetensors(path)
    return read_shards(path, trust)


def read_safetensors(path: Path) -> tuple[State, Metadata]:
    """Read a safetensors file and its metadata."""
    try:
        with safe_open(path, framework='pt') as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return state, select_metadata(file.metadata())
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointFileError(
            f'{path} is damaged or no safetensors file: {error}'
        ) from None


def read_index(path: Path) -> dict[str, Path]:
    """Return the shard of every key in an index of Hugging Face."""
    try:
        weight_map = json.loads(path.read_text())['weight_map']
        names = {key: str(name) for key, name in weight_map.items()}
    except (ValueError, LookupError, AttributeError, TypeError, OSError,
            RecursionError):  # fmt: skip
        raise CheckpointFileError(
            f"{path} is no index of shards: it has no 'weight_map'"
        ) from None
    for name in names.values():
        suffix = Path(name).suffix
        if Path(name).name != name or suffix not in ('.safetensors', '.bin'):
            raise CheckpointFileError(
                f'{path} names the shard {name!r}; shards must be in the '
                'folder of the index and end in .safetensors or .bin'
            )
    return {key: path.with_name(name) for key, name in names.items()}


def read_shards(path: Path, trust: bool) -> tuple[State, Metadata]:
    """Read all shards of an index of Hugging Face."""
    state: State = {}
    metadata: Metadata = {}
    index = read_index(path)
    for shard in sorted(set(index.values())):
        part, metadata = read_file(shard, trust)
        duplicated = [key for key in part if key in state]
        if duplicated:
            raise CheckpointFileError(
                f'{shard} repeats keys of another shard of {path}: '
                f'{", ".join(duplicated)}'
            )
        state.update(part)
    missing = [key for key in index if key not in state]
    if missing:
        raise CheckpointFileError(
            f'the shards of {path} lack {", ".join(missing)}'
        )
    return state, metadata


def find_state_dict(
    content: object, file: Path | str, key: str | None = None
) -> tuple[State, Metadata]:
    """Return the state dict in what a training script saved.

    Args:
        content: What the file contains.
        file: Name of the file in error messages.
        key: Key of the state dict, if it is not a usual one.

    Returns:
        The state dict, and the metadata that a conversion wrote.

    Raises:
        CheckpointFileError: If there are no tensors.
    """
    metadata = select_metadata(plain_dict(content).get('meta'))
    for name in (key,) if key else CONTAINERS:
        if isinstance(plain_dict(content).get(name), dict):
            content = plain_dict(content)[name]
            break
    else:
        if key:
            raise CheckpointFileError(f'{file} has no state dict at {key!r}')
    if not isinstance(content, dict):
        raise CheckpointFileError(
            f'{file} contains a {type(content).__name__}, not a state dict'
        )
    entries = plain_dict(content)
    state = {
        name: value
        for name, value in entries.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not state:
        names = [name for name in entries if isinstance(name, str)]
        raise CheckpointFileError(
            f'{file} contains no tensors, but {", ".join(names) or "no keys"}'
        )
    versions = plain_dict(getattr(content, '_metadata', None))
    return state, metadata | select_metadata(versions.get(''))


def read_dataset_meta(path: Path) -> dict[str, list]:
    """Return the names and colors of classes that a training saved.

    Args:
        path: A checkpoint; only .pt, .pth and .bin files can have them.

    Returns:
        Dict with 'classes', a list of names, and 'palette', a list of RGB
        colors, or without what the file does not have.

    Raises:
        CheckpointFileError: If the file is damaged or could run code.
    """
    if path.suffix.lower() in ('.safetensors', '.json'):
        return {}
    meta = plain_dict(plain_dict(read_pickle(path)).get('meta'))
    saved = plain_dict(meta.get('dataset_meta'))
    return {
        name: list(saved[name])
        for name in ('classes', 'palette')
        if isinstance(saved.get(name), (list, tuple))
    }


def plain_dict(content: object) -> dict:
    """Return the entries of a dict, whatever attributes it has."""
    return dict(dict.items(content)) if isinstance(content, dict) else {}


def select_metadata(content: object) -> Metadata:
    """Return the known metadata of a file that are short texts."""
    entries = plain_dict(content)
    found = {
        name: entries.get(name, entries.get(FORMER_KEYS.get(name)))
        for name in METADATA
    }
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) < 1000
    }


def check_target(path: Path, force: bool = False) -> None:
    """Raise an error if ``write_file`` cannot write a file.

    Args:
        path: Path of the new file.
        force: Whether an existing file may be replaced.

    Raises:
        CheckpointFileError: If the suffix is not supported, the folder is
            missing, or the file exists.
    """
    if path.suffix not in ('.pth', '.safetensors'):
        raise CheckpointFileError(
            f'{path} must end in .pth or .safetensors, not {path.suffix!r}'
        )
    if not path.parent.is_dir():
        raise CheckpointFileError(
            f'{path.parent} is no folder: create it, or choose another'
        )
    if path.is_dir():
        raise CheckpointFileError(
            f'{path} is a folder: choose the name of a file in it'
        )
    if (path.exists() or path.is_symlink()) and not force:
        raise CheckpointFileError(f'{path} exists; replace it with --force')


def write_file(
    path: Path,
    state: State,
    metadata: Metadata,
    container: str | None = None,
    force: bool = False,
) -> None:
    """Write a checkpoint; a failure leaves no file.

    Args:
        path: A .pth or .safetensors file.
        state: State dict.
        metadata: Origin and license, by the names of ``METADATA``.
        container: Key of the state dict in a .pth file, with the metadata
            beside it; None writes a bare state dict with the metadata in its
            ``_metadata``.
        force: Whether to replace an existing file.

    Raises:
        CheckpointFileError: If ``check_target`` raises, or writing fails.
    """
    path = Path(path)
    check_target(path, force)
    # safetensors rejects views of one tensor, torch saves all of it for each.
    state = {
        key: value.clone(memory_format=torch.contiguous_format)
        for key, value in state.items()
    }
    try:
        with complete_file(path) as part:
            if path.suffix == '.safetensors':
                save_file(state, part, metadata={'format': 'pt', **metadata})
            elif container:
                torch.save({container: state, 'meta': metadata}, part)
            else:
                bare = OrderedDict(state)
                about = OrderedDict({'': dict(metadata)})
                bare._metadata = about  # type: ignore[attr-defined]
                torch.save(bare, part)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise CheckpointFileError(
            f'{path} could not be written: {first_line(error)}'
        ) from None
