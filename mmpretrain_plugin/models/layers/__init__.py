from .block import INIT_CFG, ConvNeXtV2Block
from .cbam import CBAM
from .channel_layer_norm import ChannelLayerNorm
from .grn import GRN
from .grn_variant import GRNVariant
from .local_response_norm import LocalResponseNorm
from .squeeze_excitation import SqueezeExcitation
from .visible_batch_norm import VisibleBatchNorm

__all__ = [
    'CBAM',
    'GRN',
    'INIT_CFG',
    'ChannelLayerNorm',
    'ConvNeXtV2Block',
    'GRNVariant',
    'LocalResponseNorm',
    'SqueezeExcitation',
    'VisibleBatchNorm',
]
