from .hooks import InputCheckHook, ReconstructionVisualizationHook
from .optimizers import LayerDecayOptimWrapperConstructor
from .runners import (
    CheckedFlexibleRunner,
    CheckedRunner,
    CheckedTestLoop,
    CustomDataRunner,
    IsolatedValLoop,
)
from .strategies import FullyShardStrategy

__all__ = [
    'CheckedFlexibleRunner',
    'CheckedRunner',
    'CheckedTestLoop',
    'CustomDataRunner',
    'FullyShardStrategy',
    'InputCheckHook',
    'IsolatedValLoop',
    'LayerDecayOptimWrapperConstructor',
    'ReconstructionVisualizationHook',
]
