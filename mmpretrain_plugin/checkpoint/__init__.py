from .convert import (
    ConversionError,
    Weights,
    adapt_stem,
    read,
    recognise,
    write,
)
from .download import download
from .files import (
    CheckpointFileError,
    check_target,
    read_file,
    sha256,
    write_file,
)
from .forward import last_map
from .layouts import LAYOUTS

__all__ = [
    'LAYOUTS',
    'CheckpointFileError',
    'ConversionError',
    'Weights',
    'adapt_stem',
    'check_target',
    'download',
    'last_map',
    'read',
    'read_file',
    'recognise',
    'sha256',
    'write',
    'write_file',
]
