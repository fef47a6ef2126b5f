from .backbones import ConvNeXtV2
from .heads import FCMAEHead
from .layers import GRN
from .necks import FCMAEDecoder
from .selfsup import FCMAE

__all__ = ['FCMAE', 'GRN', 'ConvNeXtV2', 'FCMAEDecoder', 'FCMAEHead']
