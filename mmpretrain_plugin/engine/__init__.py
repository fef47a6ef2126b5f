from .checked_runner import CheckedRunner
from .layer_decay import LayerDecayOptimWrapperConstructor

__all__ = ['CheckedRunner', 'LayerDecayOptimWrapperConstructor']
