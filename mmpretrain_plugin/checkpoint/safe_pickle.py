"""Reading of pickled checkpoints without running code that is in them."""

import codecs
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import CheckpointFileError


class Inert:
    """Replaces an object that is not built; it does nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Accept and ignore any arguments."""

    def __setstate__(self, state: object) -> None:
        """Ignore the state."""


# Training checkpoints of mmengine contain its logs, and those of the authors
# their command line. Weights need none of these objects.
NOT_BUILT = (
    'mmengine.logging.history_buffer.HistoryBuffer',
    'builtins.getattr',  # for the methods of HistoryBuffer
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
# Arrays of numbers and of texts are made of these.
ARRAYS = {
    '_codecs.encode': codecs.encode,
    'numpy.ndarray': np.ndarray,
    'numpy.dtype': np.dtype,
} | {
    f'numpy.{core}.multiarray.{name}': value.__reduce__()[0]
    for name, value in (('_reconstruct', np.zeros(1)), ('scalar', np.int64()))
    for core in ('core', '_core')
}
DTYPES = [type(np.dtype(kind)) for kind in '?bhilqBHILQefdU']


class LogHistory(Inert):
    """Replaces a ``HistoryBuffer`` of mmengine, and has its values."""

    log_history: Any = ()
    count_history: Any = ()

    def __setstate__(self, state: object) -> None:
        """Read the values of the log."""
        if isinstance(state, dict):
            self.log_history = state.get('_log_history', ())
            self.count_history = state.get('_count_history', ())


def read_pickle(
    path: Path,
    trust: bool = False,
    with_logs: bool = False,
    map_location: Any = 'cpu',
) -> object:
    """Read a file written by ``torch.save``, building only plain data.

    torch's ``weights_only`` alone rejects training checkpoints of mmengine
    because of their logs. Here ``Inert`` replaces the logs.

    Args:
        path: The file.
        trust: Whether to build all objects, which can run any code.
        with_logs: Whether to build arrays, and ``LogHistory`` for the logs.
        map_location: Device of the tensors, as ``torch.load`` takes it.

    Raises:
        CheckpointFileError: If the file is damaged, unpacks to more than its
            size, or contains objects that could run code and is not trusted.
    """
    if zipfile.is_zipfile(path):
        check_archive(path)
    built: dict[str, Any] = dict.fromkeys(NOT_BUILT, Inert)
    if with_logs:
        built |= {**ARRAYS, NOT_BUILT[0]: LogHistory}
    safe = torch.serialization.safe_globals(
        [*((value, name) for name, value in built.items()), *DTYPES]
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about other pickle protocols
            if trust:
                return torch.load(path, map_location, weights_only=False)
            with safe:
                return torch.load(path, map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r'GLOBAL (\S+) ', str(error))
        # Its first line recommends to run the code.
        reason = re.search(r'WeightsUnpickler error: (.*)', str(error))
        what = reason[1] if reason else first_line(error)
        if named:
            what = f'it contains {named[1]}'
        raise CheckpointFileError(
            f'{path} is no checkpoint, or contains more than weights and '
            f'could run code when opened ({what}); if you trust its source, '
            'convert it with tools/convert_checkpoint.py --trust'
        ) from None
    except Exception as error:  # torch raises many types for damaged files
        raise CheckpointFileError(
            f'{path} is damaged or no checkpoint: {first_line(error)}'
        ) from None


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the error's type."""
    return (str(error).splitlines() or [''])[0] or type(error).__name__


def check_archive(path: Path) -> None:
    """Raise an error if ``torch.save`` did not write an archive.

    torch writes without compression and from the first byte on. Entries are
    shifted if the archive has a second table of contents, which some readers
    use instead of the first. Every entry has a checksum, which ``torch.load``
    does not read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            # Otherwise it could unpack to much more than its size.
            fits = total <= path.stat().st_size
            wrong = archive.testzip() if fits else None
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError,
            EOFError) as error:  # fmt: skip
        raise CheckpointFileError(f'{path} is damaged: {error}') from None
    if any(entry.filename.endswith('/constants.pkl') for entry in entries):
        raise CheckpointFileError(
            f'{path} is a TorchScript program; save its state_dict() instead'
        )
    stored = all(
        entry.compress_type == zipfile.ZIP_STORED for entry in entries
    )
    first = min((entry.header_offset for entry in entries), default=0)
    if not stored or first or not fits:
        raise CheckpointFileError(
            f'{path} is compressed or would unpack to more than its size, '
            'unlike any file that torch.save writes; it is not opened'
        )
    if wrong:
        raise CheckpointFileError(
            f'{path} is damaged: the bytes of its entry {wrong} do not have '
            'their checksum; copy or download it again'
        )


def check_storage(state: dict[str, Tensor], path: Path) -> None:
    """Raise an error if tensors are larger than the file they come from."""
    unstored = [key for key, value in state.items() if not is_stored(value)]
    if unstored:
        raise CheckpointFileError(
            f'{path} has tensors that are larger than their stored values: '
            f'{", ".join(unstored)}'
        )
    size = path.stat().st_size
    total = sum(v.numel() * v.element_size() for v in state.values())
    if total > 2 * size:  # some weights may be shared
        raise CheckpointFileError(
            f'{path} has {size} bytes but {total} bytes of tensors'
        )


def is_stored(value: Tensor) -> bool:
    """Return whether every element of a tensor is stored.

    Expanded, sparse and meta tensors of any size fit in a small file.
    """
    if value.layout != torch.strided or value.device.type != 'cpu':
        return False
    if value.is_nested:
        return False
    needed = value.numel() * value.element_size()
    return needed <= value.untyped_storage().nbytes()
