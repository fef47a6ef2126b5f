from .adapt_stem import adapt_stem
from .completeness import differences
from .convert import read, recognize, write
from .download import download
from .errors import (
    CheckpointError,
    CheckpointFileError,
    ConversionError,
    IncompleteCheckpointError,
)
from .files import (
    check_target,
    read_file,
    sha256,
    write_file,
)
from .layouts import LAYOUTS
from .validation import check_backbone_weights
from .verify import verify
from .weights import Weights

__all__ = [
    'LAYOUTS',
    'CheckpointError',
    'CheckpointFileError',
    'ConversionError',
    'IncompleteCheckpointError',
    'Weights',
    'adapt_stem',
    'check_backbone_weights',
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
