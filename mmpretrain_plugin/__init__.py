"""ConvNeXt V2 and FCMAE for MMPretrain.

Importing the package registers everything that a config can name, and the
configs themselves in MMPretrain's list of models. mmengine then reads
checkpoints without running code in them.
"""

from . import datasets, engine, evaluation, models
from .checkpoint import register_loaders
from .model_index import register_models
from .version import __version__

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models']

register_loaders()
register_models()
