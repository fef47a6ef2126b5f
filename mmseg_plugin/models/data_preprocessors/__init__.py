from .multi_channel_seg_data_preprocessor import (
    MultiChannelSegDataPreProcessor,
)

__all__ = ['MultiChannelSegDataPreProcessor']
