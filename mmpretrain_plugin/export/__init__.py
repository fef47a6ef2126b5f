"""Trained models as functions of tensors, and as ONNX files."""

from .adaptive_pooling import (
    MatrixAdaptiveAvgPool2d,
    replace_adaptive_pooling,
)
from .graphs import BackboneGraph, ClassifierGraph, dtype_of
from .onnx_file import (
    SMALLEST_SIDE,
    Difference,
    describe_onnx,
    differences,
    run_onnx,
    write_onnx,
)
from .pixel_input import PixelInput

__all__ = [
    'SMALLEST_SIDE',
    'BackboneGraph',
    'ClassifierGraph',
    'Difference',
    'MatrixAdaptiveAvgPool2d',
    'PixelInput',
    'describe_onnx',
    'differences',
    'dtype_of',
    'replace_adaptive_pooling',
    'run_onnx',
    'write_onnx',
]
