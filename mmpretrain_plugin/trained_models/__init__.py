"""Trained models, from a config and a checkpoint."""

from .backbone_loading import load_backbone
from .config_files import find_config, one_line, read_config
from .fcmae_loading import load_fcmae
from .model_building import build_model
from .model_loading import load_checkpoint, load_model
from .pixel_normalization import PixelNormalization

__all__ = [
    'PixelNormalization',
    'build_model',
    'find_config',
    'load_backbone',
    'load_checkpoint',
    'load_fcmae',
    'load_model',
    'one_line',
    'read_config',
]
