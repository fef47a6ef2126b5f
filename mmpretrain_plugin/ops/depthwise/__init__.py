from .dense import depthwise_conv, plain_depthwise_conv
from .packed import packed_depthwise_conv, plain_packed_depthwise_conv

__all__ = [
    'depthwise_conv',
    'packed_depthwise_conv',
    'plain_depthwise_conv',
    'plain_packed_depthwise_conv',
]
