"""Checkpoint files: opened without running what is in them, written whole."""

import hashlib
import json
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

# Where state dicts are inside what training scripts save, first one first.
CONTAINERS = ('state_dict', 'model', 'module')
# What a converted file says about itself.
ABOUT = ('source', 'source_sha256', 'source_layout', 'licence')


class CheckpointFileError(ValueError):
    """A file that is no checkpoint, or not one to open without trust."""


class Inert:
    """What stands for an object that is not built: it can do nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take anything."""

    def __setstate__(self, state: object) -> None:
        """Keep nothing."""


# mmengine's training checkpoints keep their logs, and the official scripts
# their options. None of it is needed, and none of it is built.
NOT_BUILT = {
    ('mmengine.logging.history_buffer', 'HistoryBuffer'),
    ('builtins', 'getattr'),  # by which HistoryBuffer names its methods
    ('__builtin__', 'getattr'),
    ('argparse', 'Namespace'),
    ('numpy', 'ndarray'),
    ('numpy', 'dtype'),
    ('numpy.core.multiarray', '_reconstruct'),
    ('numpy._core.multiarray', '_reconstruct'),
    ('numpy.core.multiarray', 'scalar'),
    ('numpy._core.multiarray', 'scalar'),
    ('_codecs', 'encode'),
}
# The functions and classes that tensors are made of, as torch saves them.
OF_TENSORS = {
    ('collections', 'OrderedDict'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('torch._utils', '_rebuild_parameter'),
    ('torch', 'Size'),
    *(
        ('torch', f'{kind}Storage')
        for kind in (
            'Float', 'Double', 'Half', 'BFloat16', 'Long', 'Int', 'Short',
            'Char', 'Byte', 'Bool',
        )
    ),
}  # fmt: skip


class TensorUnpickler(pickle._Unpickler):
    """Build tensors, leave known logs out, and refuse the rest.

    Python's own unpickler, not that in C, whose memo a file of a few bytes
    can make as large as it likes.
    """

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> object:
        """Look up what a pickle names.

        Raises:
            UnpicklingError: If it is neither of tensors nor known.
        """
        if (module, name) in OF_TENSORS:
            return super().find_class(module, name)
        if (module, name) in NOT_BUILT:
            return Inert
        raise pickle.UnpicklingError(f'it names {module}.{name}')

    def load_build(self) -> None:
        """Set the state of an instance, never of a function or a class.

        Raises:
            UnpicklingError: If a file asks for that.
        """
        target = self.stack[-2]
        if not isinstance(target, (Tensor, OrderedDict, Inert)):
            raise pickle.UnpicklingError(f'it changes {target!r}')
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


class TensorPickle:
    """The interface of ``pickle`` that ``torch.load`` uses, restricted."""

    Unpickler = TensorUnpickler

    @staticmethod
    def load(file: object, **options: object) -> object:
        """Read one object from an open file."""
        return TensorUnpickler(file, **options).load()


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
    if path.suffix not in ('.safetensors', '.json'):
        return unpack(read_pickle(path, trust), path, key)
    if key:
        raise CheckpointFileError(
            f'{path} has no keys to choose {key!r} from; they are in .pt, '
            '.pth and .bin files'
        )
    if path.suffix == '.safetensors':
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
            return state, dict(file.metadata() or {})
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
    except (ValueError, KeyError, AttributeError, TypeError, OSError):
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
        state.update(part)
    return state, about


def read_pickle(path: Path, trust: bool) -> object:
    """Read what torch saved, building tensors and nothing else.

    torch's ``weights_only`` comes first. It refuses every training checkpoint
    of mmengine for its logs; ``TensorPickle`` then leaves them out.

    Raises:
        CheckpointFileError: If it is damaged, larger than it pretends, or
            holds objects that could run code and is not trusted.
    """
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, OSError) as error:
            raise CheckpointFileError(f'{path} is damaged: {error}') from None
        # torch stores without compression; what grows is no checkpoint.
        if sum(e.file_size for e in entries) > path.stat().st_size:
            raise CheckpointFileError(
                f'{path} would unpack to more than its size, which no file '
                'written by torch does; it is not opened'
            )
    try:
        if trust:
            return torch.load(path, map_location='cpu', weights_only=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # of other pickle protocols
                return torch.load(path, map_location='cpu', weights_only=True)
        except pickle.UnpicklingError:
            return torch.load(
                path,
                map_location='cpu',
                weights_only=False,
                pickle_module=TensorPickle,
            )
    except pickle.UnpicklingError as error:
        raise CheckpointFileError(
            f'{path} is no checkpoint, or holds more than weights and could '
            f'run code when opened ({error}); if you trust its source, '
            'tools/convert_checkpoint.py --trust converts it'
        ) from None
    except Exception as error:  # torch raises many kinds for damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointFileError(
            f'{path} is damaged or no checkpoint: {reason}'
        ) from None


def unpack(
    content: object, path: Path, key: str | None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Find the state dict in what a training script saved.

    Raises:
        CheckpointFileError: If there are no tensors.
    """
    about: dict[str, str] = {}
    if isinstance(content, Mapping):
        meta = content.get('meta')
        if isinstance(meta, Mapping):
            about = {k: str(meta[k]) for k in ABOUT if k in meta}
    wanted = (key,) if key else CONTAINERS
    for name in wanted:
        if isinstance(content, Mapping) and isinstance(
            content.get(name), Mapping
        ):
            content = content[name]
            break
    else:
        if key:
            raise CheckpointFileError(f'{path} has no state dict at {key!r}')
    if not isinstance(content, Mapping):
        raise CheckpointFileError(
            f'{path} holds a {type(content).__name__} and no state dict'
        )
    state = {
        k: v
        for k, v in content.items()
        if isinstance(k, str) and isinstance(v, Tensor)
    }
    if not state:
        raise CheckpointFileError(
            f'{path} holds no tensors; it has '
            f'{", ".join(map(str, list(content)[:5])) or "nothing"}'
        )
    hollow = [key for key, value in state.items() if is_hollow(value)]
    if hollow:
        raise CheckpointFileError(
            f'{path} has tensors larger than what it stores of them: '
            f'{", ".join(hollow)}'
        )
    metadata = getattr(content, '_metadata', None)
    own = metadata.get('') if isinstance(metadata, Mapping) else None
    if isinstance(own, Mapping):
        about |= {k: str(own[k]) for k in ABOUT if k in own}
    return state, about


def is_hollow(value: Tensor) -> bool:
    """Tell whether a tensor is not stored number by number.

    Expanded, sparse and meta tensors can be of any size in a small file.
    """
    if value.layout != torch.strided or value.device.type != 'cpu':
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
    if path.exists() and not force:
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
    part = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        if path.suffix == '.safetensors':
            save_file(state, part, metadata={'format': 'pt', **about})
        elif container:
            torch.save({container: state, 'meta': about}, part)
        else:
            bare = OrderedDict(state)
            bare._metadata = OrderedDict({'': dict(about)})
            torch.save(bare, part)
        part.replace(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointFileError(
            f'{path} could not be written: {reason}'
        ) from None
    finally:
        part.unlink(missing_ok=True)
