from .depthwise import depthwise_conv, packed_depthwise_conv
from .mlp import MLPWeights, folded_mlp
from .visible_patches import VisiblePatches

__all__ = [
    'MLPWeights',
    'VisiblePatches',
    'depthwise_conv',
    'folded_mlp',
    'packed_depthwise_conv',
]
