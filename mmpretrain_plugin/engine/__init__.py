from .hooks import InputCheckHook
from .optimizers import LayerDecayOptimWrapperConstructor
from .runners import CheckedFlexibleRunner, CheckedRunner, CheckedTestLoop
from .strategies import FullyShardStrategy

__all__ = [
    'CheckedFlexibleRunner',
    'CheckedRunner',
    'CheckedTestLoop',
    'FullyShardStrategy',
    'InputCheckHook',
    'LayerDecayOptimWrapperConstructor',
]
