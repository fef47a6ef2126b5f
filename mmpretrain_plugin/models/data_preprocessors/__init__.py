from .any_channels import AnyChannels
from .multi_channel_self_sup_data_preprocessor import (
    MultiChannelSelfSupDataPreprocessor,
)

__all__ = ['AnyChannels', 'MultiChannelSelfSupDataPreprocessor']
