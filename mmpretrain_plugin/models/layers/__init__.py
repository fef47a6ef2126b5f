from .block import ConvNeXtV2Block
from .grn import GRN

__all__ = ['GRN', 'ConvNeXtV2Block']
