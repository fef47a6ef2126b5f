from . import tiled_depthwise, triton_available, triton_depthwise
from .folded_mlp import folded_mlp
from .halo_depthwise import halo_depthwise
from .neighbors import Neighbors

__all__ = [
    'Neighbors',
    'folded_mlp',
    'halo_depthwise',
    'tiled_depthwise',
    'triton_available',
    'triton_depthwise',
]
