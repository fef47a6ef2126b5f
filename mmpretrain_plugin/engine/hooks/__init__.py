from .accumulation_hook import AccumulationHook
from .finite_weights_hook import FiniteWeightsHook
from .input_check_hook import InputCheckHook
from .interruption_hook import InterruptionHook
from .non_finite_hook import NonFiniteHook
from .random_state_hook import RandomStateHook
from .reconstruction_visualization_hook import ReconstructionVisualizationHook

__all__ = [
    'AccumulationHook',
    'FiniteWeightsHook',
    'InputCheckHook',
    'InterruptionHook',
    'NonFiniteHook',
    'RandomStateHook',
    'ReconstructionVisualizationHook',
]
