"""Register ConvNeXt V2 and FCMAE for MMPretrain.

Importing this package registers everything that configs can name.
"""

from . import engine, models
from .version import __version__

__all__ = ['__version__', 'engine', 'models']
