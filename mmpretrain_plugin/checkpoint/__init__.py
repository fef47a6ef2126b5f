from .adapt_stem import adapt_stem
from .completeness import differences
from .convert import read, recognize, write
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
from .weights import ConversionError, Weights

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
    'recognize',
    'sha256',
    'verify',
    'write',
    'write_file',
]
