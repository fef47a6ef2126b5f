from .checked_inferencer import CheckedInferencer
from .image_classification import ImageClassificationInferencer

__all__ = ['CheckedInferencer', 'ImageClassificationInferencer']
