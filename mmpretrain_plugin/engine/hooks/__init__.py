from .input_check_hook import InputCheckHook
from .reconstruction_visualization_hook import ReconstructionVisualizationHook

__all__ = ['InputCheckHook', 'ReconstructionVisualizationHook']
