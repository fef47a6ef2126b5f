from .backbones import ConvNeXtV2, SwinTransformerAnyWindow
from .data_preprocessors import (
    AnyChannels,
    MultiChannelSelfSupDataPreprocessor,
)
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
    'AnyChannels',
    'ChannelLayerNorm',
    'ConvNeXtV2',
    'FCMAEDecoder',
    'FCMAEHead',
    'FCMAETransformerDecoder',
    'FCMAEUNetDecoder',
    'GRNVariant',
    'LocalResponseNorm',
    'MultiChannelSelfSupDataPreprocessor',
    'SqueezeExcitation',
    'SwinTransformerAnyWindow',
    'VisibleBatchNorm',
]
