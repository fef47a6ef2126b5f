from .backbones import ConvNeXtV2, SwinTransformerAnyWindow
from .heads import FCMAEHead
from .layers import (
    CBAM,
    GRN,
    ChannelLayerNorm,
    GRNVariant,
    LocalResponseNorm,
    SqueezeExcitation,
    VisibleBatchNorm,
)
from .necks import (
    FCMAEDecoder,
    FCMAETransformerDecoder,
    FCMAEUNetDecoder,
)
from .selfsup import FCMAE

__all__ = [
    'CBAM',
    'FCMAE',
    'GRN',
    'ChannelLayerNorm',
    'ConvNeXtV2',
    'FCMAEDecoder',
    'FCMAEHead',
    'FCMAETransformerDecoder',
    'FCMAEUNetDecoder',
    'GRNVariant',
    'LocalResponseNorm',
    'SqueezeExcitation',
    'SwinTransformerAnyWindow',
    'VisibleBatchNorm',
]
