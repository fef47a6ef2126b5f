"""ConvNeXt V2 for mmdet.

The backbone is the one of ``mmpretrain_plugin``; importing this package makes
``mmpretrain.ConvNeXtV2`` and ``torch.ops.convnextv2.soft_nms`` known to
mmdet's configs.
"""

import mmpretrain_plugin
from mmpretrain_plugin.version import __version__

from . import soft_nms

__all__ = ['__version__', 'mmpretrain_plugin', 'soft_nms']
