from .block import INIT_CFG, ConvNeXtV2Block
from .grn import GRN
from .grn_variant import GRNVariant

__all__ = ['GRN', 'INIT_CFG', 'ConvNeXtV2Block', 'GRNVariant']
