from .data_preprocessors import MultiChannelSegDataPreProcessor

__all__ = ['MultiChannelSegDataPreProcessor']
