from .convert import (
    ConversionError,
    Weights,
    adapt_stem,
    differences,
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
from .layouts import LAYOUTS
from .verify import verify

__all__ = [
    'LAYOUTS',
    'CheckpointFileError',
    'ConversionError',
    'Weights',
    'adapt_stem',
    'check_target',
    'differences',
    'download',
    'read',
    'read_file',
    'recognise',
    'sha256',
    'verify',
    'write',
    'write_file',
]
