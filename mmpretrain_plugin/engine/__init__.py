from .checked_runner import CheckedRunner
from .fully_shard_strategy import FullyShardStrategy
from .layer_decay import LayerDecayOptimWrapperConstructor

__all__ = [
    'CheckedRunner',
    'FullyShardStrategy',
    'LayerDecayOptimWrapperConstructor',
]
