from .block import INIT_CFG, ConvNeXtV2Block
from .grn import GRN

__all__ = ['GRN', 'INIT_CFG', 'ConvNeXtV2Block']
