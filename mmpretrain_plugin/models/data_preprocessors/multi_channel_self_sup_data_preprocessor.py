"""Images of any number of channels for pre-training."""

from mmpretrain.models import SelfSupDataPreprocessor
from mmpretrain.registry import MODELS

from .any_channels import AnyChannels


@MODELS.register_module()
class MultiChannelSelfSupDataPreprocessor(
    AnyChannels, SelfSupDataPreprocessor
):
    """MMPretrain's ``SelfSupDataPreprocessor`` for any number of channels.

    Classification does not need one: ``ClsDataPreprocessor`` takes any number
    as it is. See ``AnyChannels`` for the arguments.
    """
