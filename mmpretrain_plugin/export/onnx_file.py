"""An ONNX file of a graph, checked against PyTorch."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..trained_models import one_line

INPUT = 'images'
# Below, a map of the last stage has one position, which exporters treat apart.
SMALLEST_SIDE = 64
# One file holds this much; weights beyond it would be in a second file.
LARGEST_FILE = 2**31 - 2**20


def write_onnx(
    graph: Any, images: Tensor, path: Path, dynamic_axes: dict[int, str]
) -> None:
    """Write a graph, an ``nn.Module`` with ``output_names``, as ONNX.

    Args:
        graph: Function of the images that returns a tuple of tensors.
        images: Example of its input, (N, C, H, W).
        path: File to write.
        dynamic_axes: Names of those axes of the input whose size is dynamic.
            The example must have more than one image if axis 0 is, and sides
            of more than 64 pixels if axes 2 and 3 are.

    Raises:
        ValueError: If the weights are too large for one file, or PyTorch
            cannot record the graph.
    """
    size = sum(
        tensor.numel() * tensor.element_size()
        for tensor in graph.state_dict().values()
    )
    if size > LARGEST_FILE:
        raise ValueError(
            f'the weights have {size / 2**30:.1f} GiB, but one ONNX file '
            'holds 2 GiB; use float16 weights'
        )
    dims = {
        i: torch.export.Dim(name, min=SMALLEST_SIDE if i > 1 else 1)
        for i, name in dynamic_axes.items()
    }
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # about code of the libraries
        try:
            torch.onnx.export(
                graph,
                (images,),
                path,
                input_names=[INPUT],
                output_names=list(graph.output_names),
                dynamic_shapes={INPUT: dims} if dims else None,
                external_data=False,
                dynamo=True,
                verbose=False,
            )
        except (RuntimeError, torch.onnx.OnnxExporterError) as error:
            reason = one_line(error.__cause__ or error)[:300]
            raise ValueError(f'PyTorch cannot export it: {reason}') from error


def describe_onnx(path: Path, properties: dict[str, str]) -> None:
    """Add metadata to a file, which onnxruntime shows.

    Args:
        path: File that :func:`write_onnx` wrote.
        properties: What to add, such as the order of channels.
    """
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, properties)
    onnx.save(model, path)


def run_onnx(path: Path, images: Tensor) -> tuple[Tensor, ...]:
    """Run a file in onnxruntime on the CPU.

    Args:
        path: File that :func:`write_onnx` wrote.
        images: Input, (N, C, H, W).

    Raises:
        ValueError: If onnxruntime cannot run it.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(
            path, providers=['CPUExecutionProvider']
        )
        outputs = session.run(None, {INPUT: images.numpy()})
    except Exception as error:  # classes of its own, below RuntimeError or not
        raise ValueError(
            f'onnxruntime cannot run the file: {one_line(error)[:300]}'
        ) from error
    return tuple(torch.from_numpy(np.asarray(value)) for value in outputs)


class Difference(NamedTuple):
    """How far an output is from the expected one.

    Attributes:
        output: Name of the output.
        largest: Largest absolute difference.
        scale: Largest absolute value expected.
    """

    output: str
    largest: float
    scale: float

    @property
    def relative(self) -> float:
        """Largest difference, divided by the scale."""
        return self.largest / self.scale if self.scale else self.largest


def differences(
    names: Sequence[str], expected: Sequence[Tensor], got: Sequence[Tensor]
) -> list[Difference]:
    """Compare outputs one by one.

    Args:
        names: Names of the outputs.
        expected: Outputs of PyTorch.
        got: Outputs of the exported graph.

    Raises:
        ValueError: If an output has another shape, or values that are not
            finite.
    """
    result = []
    for name, wanted, value in zip(names, expected, got, strict=True):
        if wanted.shape != value.shape:
            raise ValueError(
                f'{name} has shape {tuple(value.shape)} in onnxruntime and '
                f'{tuple(wanted.shape)} in PyTorch'
            )
        distance = (wanted.double() - value.double()).abs()
        if not torch.isfinite(distance).all():
            raise ValueError(f'{name} has values that are not finite')
        largest, scale = (
            values.max().item() if values.numel() else 0.0
            for values in (distance, wanted.abs())
        )
        result.append(Difference(name, largest, scale))
    return result
