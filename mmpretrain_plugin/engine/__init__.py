from .hooks import (
    AccumulationHook,
    FiniteWeightsHook,
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
    'AccumulationHook',
    'CheckedFlexibleRunner',
    'CheckedRunner',
    'CheckedTestLoop',
    'CustomDataRunner',
    'FiniteWeightsHook',
    'FullyShardStrategy',
    'InputCheckHook',
    'InterruptionHook',
    'LayerDecayOptimWrapperConstructor',
    'NonFiniteHook',
    'RandomStateHook',
    'ReconstructionVisualizationHook',
    'ResumableEpochTrainLoop',
]
