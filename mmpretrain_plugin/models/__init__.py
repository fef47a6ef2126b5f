from .backbones import ConvNeXtV2, SwinTransformerAnyWindow
from .heads import FCMAEHead
from .layers import GRN, GRNVariant
from .necks import (
    FCMAEDecoder,
    FCMAETransformerDecoder,
    FCMAEUNetDecoder,
)
from .selfsup import FCMAE

__all__ = [
    'FCMAE',
    'GRN',
    'ConvNeXtV2',
    'FCMAEDecoder',
    'FCMAEHead',
    'FCMAETransformerDecoder',
    'FCMAEUNetDecoder',
    'GRNVariant',
    'SwinTransformerAnyWindow',
]
