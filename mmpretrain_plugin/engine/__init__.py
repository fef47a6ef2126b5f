from .hooks import (
    InputCheckHook,
    InterruptionHook,
    NonFiniteHook,
    RandomStateHook,
    ReconstructionVisualizationHook,
)
from .optimizers import LayerDecayOptimWrapperConstructor
from .runners import (
    CheckedFlexibleRunner,
    CheckedRunner,
    CheckedTestLoop,
    CustomDataRunner,
    ResumableEpochTrainLoop,
)
from .strategies import FullyShardStrategy

__all__ = [
    'CheckedFlexibleRunner',
    'CheckedRunner',
    'CheckedTestLoop',
    'CustomDataRunner',
    'FullyShardStrategy',
    'InputCheckHook',
    'InterruptionHook',
    'LayerDecayOptimWrapperConstructor',
    'NonFiniteHook',
    'RandomStateHook',
    'ReconstructionVisualizationHook',
    'ResumableEpochTrainLoop',
]
