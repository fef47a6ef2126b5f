"""Register ConvNeXt V2 for MMDetection.

Importing this package registers ``mmpretrain.ConvNeXtV2`` and everything else
of ``mmpretrain_plugin``, which MMDetection's configs can then name, and a data
preprocessor for images with any number of channels.
"""

import mmpretrain_plugin
from mmpretrain_plugin.version import __version__

from . import models

__all__ = ['__version__', 'mmpretrain_plugin', 'models']
