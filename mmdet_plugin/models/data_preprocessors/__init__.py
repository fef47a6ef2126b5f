from .multi_channel_det_data_preprocessor import (
    MultiChannelDetDataPreprocessor,
)

__all__ = ['MultiChannelDetDataPreprocessor']
