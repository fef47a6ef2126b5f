from .optimizers import LayerDecayOptimWrapperConstructor
from .runners import CheckedRunner
from .strategies import FullyShardStrategy

__all__ = [
    'CheckedRunner',
    'FullyShardStrategy',
    'LayerDecayOptimWrapperConstructor',
]
