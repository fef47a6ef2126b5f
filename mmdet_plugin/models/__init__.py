from .data_preprocessors import MultiChannelDetDataPreprocessor

__all__ = ['MultiChannelDetDataPreprocessor']
