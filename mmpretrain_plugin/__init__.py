"""ConvNeXt V2 and FCMAE for MMPretrain.

Importing the package registers everything that a config can name, and the
configs themselves in MMPretrain's list of models.
"""

from . import datasets, engine, evaluation, models
from .model_index import register_models
from .version import __version__

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models']

register_models()
