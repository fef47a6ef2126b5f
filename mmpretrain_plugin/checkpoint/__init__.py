from .architecture import Architecture, infer_architecture
from .conversion import to_state_dict, to_weights
from .download import download_checkpoint
from .errors import (
    CheckpointError,
    CheckpointFileError,
    ConversionError,
    IncompleteCheckpointError,
)
from .files import (
    check_target,
    read_dataset_meta,
    read_file,
    sha256,
    write_file,
)
from .formats import FORMATS, detect_format
from .initializers import split_initializers
from .pretrained import load_pretrained
from .stem import adapt_stem
from .training_files import (
    check_training_file,
    read_training_file,
    register_loaders,
)
from .validation import check_backbone_weights
from .verification import verify
from .weights import Weights

__all__ = [
    'FORMATS',
    'Architecture',
    'CheckpointError',
    'CheckpointFileError',
    'ConversionError',
    'IncompleteCheckpointError',
    'Weights',
    'adapt_stem',
    'check_backbone_weights',
    'check_target',
    'check_training_file',
    'detect_format',
    'download_checkpoint',
    'infer_architecture',
    'load_pretrained',
    'read_dataset_meta',
    'read_file',
    'read_training_file',
    'register_loaders',
    'sha256',
    'split_initializers',
    'to_state_dict',
    'to_weights',
    'verify',
    'write_file',
]
