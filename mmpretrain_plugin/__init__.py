"""ConvNeXt V2 and FCMAE for mmpretrain.

Importing the package registers everything that a config can name.
"""

from . import engine, models
from .version import __version__

__all__ = ['__version__', 'engine', 'models']
