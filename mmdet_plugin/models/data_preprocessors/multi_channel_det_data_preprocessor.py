"""Images of any number of channels for detection."""

from mmdet.models import DetDataPreprocessor
from mmdet.registry import MODELS

from mmpretrain_plugin.models import AnyChannels


@MODELS.register_module()
class MultiChannelDetDataPreprocessor(AnyChannels, DetDataPreprocessor):
    """MMDetection's ``DetDataPreprocessor`` for any number of channels.

    See ``AnyChannels`` for the arguments.
    """
