"""ConvNeXt V2 for mmdet.

The backbone is the one of ``mmpretrain_plugin``; importing this package makes
``mmpretrain.ConvNeXtV2`` known to mmdet's configs.
"""

import mmpretrain_plugin
from mmpretrain_plugin.version import __version__

__all__ = ['__version__', 'mmpretrain_plugin']
