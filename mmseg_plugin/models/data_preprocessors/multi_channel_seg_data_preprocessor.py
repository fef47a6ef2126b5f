"""Images of any number of channels for segmentation."""

from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS

from mmpretrain_plugin.models import AnyChannels


@MODELS.register_module()
class MultiChannelSegDataPreProcessor(AnyChannels, SegDataPreProcessor):
    """MMSegmentation's ``SegDataPreProcessor`` for any number of channels.

    See ``AnyChannels`` for the arguments.
    """
