"""Checkpoint files: opened without running what is in them, written whole."""

import hashlib
import json
import pickle
import re
import secrets
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .errors import CheckpointFileError

# Where state dicts are inside what training scripts save, first one first.
CONTAINERS = ('state_dict', 'model', 'module')
# What a converted file says about itself.
ABOUT = ('source', 'source_sha256', 'source_layout', 'licence')


class Inert:
    """What stands for an object that is not built: it can do nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take anything."""

    def __setstate__(self, state: object) -> None:
        """Keep nothing."""


# mmengine's training checkpoints keep their logs, and the official scripts
# their options. None of it is needed, and none of it is built.
NOT_BUILT = (
    'mmengine.logging.history_buffer.HistoryBuffer',
    'builtins.getattr',  # by which HistoryBuffer names its methods
    '__builtin__.getattr',
    'argparse.Namespace',
    'numpy.ndarray',
    'numpy.dtype',
    'numpy.core.multiarray._reconstruct',
    'numpy._core.multiarray._reconstruct',
    'numpy.core.multiarray.scalar',
    'numpy._core.multiarray.scalar',
    '_codecs.encode',
)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a checkpoint.

    Of one in shards it is that of the index and the shards, one after the
    other in the order of their names.
    """
    shards = shards_of(path) if path.suffix == '.json' else []
    digest = hashlib.sha256()
    for part in (path, *shards):
        with part.open('rb') as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def read_file(
    path: Path, trust: bool = False, key: str | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the state dict of a checkpoint, on the CPU.

    Args:
        path: A .pt, .pth, .bin or .safetensors file, or the .json index of a
            checkpoint in shards.
        trust: Whether to run what a file of pickled objects asks for.
        key: Where in the file the state dict is, if not at a usual place.

    Returns:
        The state dict, and what the file says about itself.

    Raises:
        CheckpointFileError: If the file is missing, damaged, holds more than
            data, or no tensors.
    """
    path = Path(path)
    if not path.is_file():
        what = 'is a folder, not a file' if path.is_dir() else 'does not exist'
        raise CheckpointFileError(f'{path} {what}')
    suffix = path.suffix.lower()
    if suffix not in ('.safetensors', '.json'):
        return unpack(read_pickle(path, trust), path, key)
    if key:
        raise CheckpointFileError(
            f'{path} has no keys to choose {key!r} from; they are in .pt, '
            '.pth and .bin files'
        )
    if suffix == '.safetensors':
        return read_safetensors(path)
    return read_shards(path, trust)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file and its metadata.

    Raises:
        CheckpointFileError: If it is none, or damaged.
    """
    try:
        with safe_open(path, framework='pt') as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return state, of_itself(file.metadata())
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointFileError(
            f'{path} is damaged or no safetensors file: {error}'
        ) from None


def shards_of(path: Path) -> list[Path]:
    """List the files that an index of Hugging Face names.

    Raises:
        CheckpointFileError: If it is no index, or names files elsewhere.
    """
    try:
        names = set(json.loads(path.read_text())['weight_map'].values())
    except (ValueError, LookupError, AttributeError, TypeError, OSError,
            RecursionError):  # fmt: skip
        raise CheckpointFileError(
            f"{path} is no index of shards: it has no 'weight_map'"
        ) from None
    names = sorted(map(str, names))
    for name in names:
        suffix = Path(name).suffix
        if Path(name).name != name or suffix not in ('.safetensors', '.bin'):
            raise CheckpointFileError(
                f'{path} names the shard {name!r}; shards lie beside the '
                'index and end in .safetensors or .bin'
            )
    return [path.with_name(name) for name in names]


def read_shards(
    path: Path, trust: bool
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the files that an index of Hugging Face names, beside it.

    Raises:
        CheckpointFileError: If the index or a shard is not in order.
    """
    state: dict[str, Tensor] = {}
    about: dict[str, str] = {}
    for shard in shards_of(path):
        part, about = read_file(shard, trust)
        twice = [key for key in part if key in state]
        if twice:
            raise CheckpointFileError(
                f'{shard} has again what another shard of {path} has: '
                f'{", ".join(twice)}'
            )
        state.update(part)
    wanted = json.loads(path.read_text())['weight_map']
    missing = [key for key in wanted if key not in state]
    if missing:
        raise CheckpointFileError(
            f'the shards of {path} lack {", ".join(missing)}'
        )
    return state, about


def read_pickle(path: Path, trust: bool) -> object:
    """Read what torch saved, building tensors and nothing else.

    torch's ``weights_only`` alone would refuse every training checkpoint of
    mmengine for its logs; in their place ``Inert`` is built.

    Raises:
        CheckpointFileError: If it is damaged, larger than it pretends, or
            holds objects that could run code and is not trusted.
    """
    if zipfile.is_zipfile(path):
        check_archive(path)
    safe = torch.serialization.safe_globals([(Inert, n) for n in NOT_BUILT])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of other pickle protocols
            if trust:
                return torch.load(path, map_location='cpu', weights_only=False)
            with safe:
                return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r'GLOBAL (\S+) ', str(error))
        what = f'it names {named[1]}' if named else first_line(error)
        raise CheckpointFileError(
            f'{path} is no checkpoint, or holds more than weights and could '
            f'run code when opened ({what}); if you trust its source, '
            'tools/convert_checkpoint.py --trust converts it'
        ) from None
    except Exception as error:  # torch raises many kinds for damaged files
        raise CheckpointFileError(
            f'{path} is damaged or no checkpoint: {first_line(error)}'
        ) from None


def first_line(error: Exception) -> str:
    """Return the first line of a message, or the kind of an error."""
    return (str(error).splitlines() or [''])[0] or type(error).__name__


def check_archive(path: Path) -> None:
    """Refuse an archive that torch did not write as it is.

    torch stores without compression, from the first byte on. An archive with
    a second table of contents, of which readers take one or the other, has
    its entries moved against it.

    Raises:
        CheckpointFileError: If it would unpack to more than its size, or is
            no archive of torch.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise CheckpointFileError(f'{path} is damaged: {error}') from None
    if any(entry.filename.endswith('/constants.pkl') for entry in entries):
        raise CheckpointFileError(
            f'{path} is a TorchScript program; save its state_dict() instead'
        )
    stored = all(
        entry.compress_type == zipfile.ZIP_STORED for entry in entries
    )
    first = min((entry.header_offset for entry in entries), default=0)
    total = sum(entry.file_size for entry in entries)
    if not stored or first or total > path.stat().st_size:
        raise CheckpointFileError(
            f'{path} is compressed or would unpack to more than its size, '
            'which no file written by torch does; it is not opened'
        )


def unpack(
    content: object, path: Path, key: str | None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Find the state dict in what a training script saved.

    Raises:
        CheckpointFileError: If there are no tensors.
    """
    about = of_itself(inside(content).get('meta'))
    for name in (key,) if key else CONTAINERS:
        if isinstance(inside(content).get(name), dict):
            content = inside(content)[name]
            break
    else:
        if key:
            raise CheckpointFileError(f'{path} has no state dict at {key!r}')
    if not isinstance(content, dict):
        raise CheckpointFileError(
            f'{path} holds a {type(content).__name__} and no state dict'
        )
    state = {
        name: value
        for name, value in inside(content).items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not state:
        names = [k for k in inside(content) if isinstance(k, str)]
        raise CheckpointFileError(
            f'{path} holds no tensors; it has {", ".join(names) or "no keys"}'
        )
    hollow = [key for key, value in state.items() if is_hollow(value)]
    if hollow:
        raise CheckpointFileError(
            f'{path} has tensors larger than what it stores of them: '
            f'{", ".join(hollow)}'
        )
    size = path.stat().st_size
    total = sum(v.numel() * v.element_size() for v in state.values())
    if total > 2 * size:  # some weights may be shared
        raise CheckpointFileError(
            f'{path} has {size} bytes and claims {total} bytes of tensors'
        )
    metadata = inside(getattr(content, '_metadata', None))
    return state, about | of_itself(metadata.get(''))


def inside(content: object) -> dict:
    """Return what a dict holds, whatever attributes it pretends to have."""
    return dict(dict.items(content)) if isinstance(content, dict) else {}


def of_itself(content: object) -> dict[str, str]:
    """Take what a file says about itself, if it is short and text."""
    return {
        name: value
        for name, value in inside(content).items()
        if name in ABOUT and isinstance(value, str) and len(value) < 1000
    }


def is_hollow(value: Tensor) -> bool:
    """Tell whether a tensor is not stored number by number.

    Expanded, sparse and meta tensors can be of any size in a small file.
    """
    if value.layout != torch.strided or value.device.type != 'cpu':
        return True
    if value.is_nested:
        return True
    needed = value.numel() * value.element_size()
    return needed > value.untyped_storage().nbytes()


def check_target(path: Path, force: bool = False) -> None:
    """Refuse a file that ``write_file`` would not write.

    Args:
        path: The file to be.
        force: Whether an existing file may be replaced.

    Raises:
        CheckpointFileError: If the suffix is another, the folder is missing,
            or the file exists.
    """
    if path.suffix not in ('.pth', '.safetensors'):
        raise CheckpointFileError(
            f'{path} must end in .pth or .safetensors, not {path.suffix!r}'
        )
    if not path.parent.is_dir():
        raise CheckpointFileError(
            f'{path.parent} is no folder: make it, or choose another'
        )
    if path.is_dir():
        raise CheckpointFileError(f'{path} is a folder: name a file in it')
    if (path.exists() or path.is_symlink()) and not force:
        raise CheckpointFileError(f'{path} exists; replace it with --force')


def write_file(
    path: Path,
    state: dict[str, Tensor],
    about: dict[str, str],
    container: str | None = None,
    force: bool = False,
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: A .pth or .safetensors file.
        state: State dict.
        about: Source, hash and licence, by the names of ``ABOUT``.
        container: Key of a .pth under which the state dict goes, with
            ``about`` beside it; None writes the bare state dict, which then
            carries ``about`` in its metadata.
        force: Whether to replace a file.

    Raises:
        CheckpointFileError: If ``check_target`` refuses it, or it cannot be
            written.
    """
    path = Path(path)
    check_target(path, force)
    # Views of one tensor would be refused, or saved with all of it.
    state = {
        key: value.clone(memory_format=torch.contiguous_format)
        for key, value in state.items()
    }
    part = path.with_name(f'.{secrets.token_hex(8)}.part')
    try:
        part.touch(exist_ok=False)
        if path.suffix == '.safetensors':
            save_file(state, part, metadata={'format': 'pt', **about})
        elif container:
            torch.save({container: state, 'meta': about}, part)
        else:
            bare = OrderedDict(state)
            bare._metadata = OrderedDict({'': dict(about)})
            torch.save(bare, part)
        part.replace(path)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise CheckpointFileError(
            f'{path} could not be written: {first_line(error)}'
        ) from None
    finally:
        part.unlink(missing_ok=True)
