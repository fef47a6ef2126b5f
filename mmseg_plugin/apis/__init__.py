from .mmseg_inferencer import MMSegInferencer

__all__ = ['MMSegInferencer']
