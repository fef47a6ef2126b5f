from .convert import ConversionError, Weights, adapt_stem, read, write
from .files import CheckpointFileError, read_file, sha256, write_file
from .forward import last_map
from .layouts import LAYOUTS

__all__ = [
    'LAYOUTS',
    'CheckpointFileError',
    'ConversionError',
    'Weights',
    'adapt_stem',
    'last_map',
    'read',
    'read_file',
    'sha256',
    'write',
    'write_file',
]
