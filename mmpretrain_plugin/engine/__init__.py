from .hooks import InputCheckHook, ReconstructionVisualizationHook
from .optimizers import LayerDecayOptimWrapperConstructor
from .runners import (
    CheckedFlexibleRunner,
    CheckedRunner,
    CheckedTestLoop,
    IsolatedValLoop,
)
from .strategies import FullyShardStrategy

__all__ = [
    'CheckedFlexibleRunner',
    'CheckedRunner',
    'CheckedTestLoop',
    'FullyShardStrategy',
    'InputCheckHook',
    'IsolatedValLoop',
    'LayerDecayOptimWrapperConstructor',
    'ReconstructionVisualizationHook',
]
