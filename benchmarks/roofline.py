"""Roofline bound of a pre-training step: its least time on a machine.

The bound of a layer is the longer of two times: its multiply-adds at the
throughput of a large matrix product, and its reads and writes at the
throughput of a large copy. The bound of a step, forward and backward, is the
sum over layers. Layers count as fused where possible: LayerNorm, MLP and GRN
are one layer that reads and writes only narrow features, and a LayerNorm is
part of the convolution beside it. Nothing is computed twice, no hidden
position is encoded, no visible patch predicted, and every element, weights
included, has the type of the step. Two effects can beat the bound: caches that
hold a layer's output until the next layer reads it, and skipping the zeros
that the depthwise convolution reads, which count here as in the paper. The
optimizer's step is not included.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmpretrain_plugin.models.backbones.convnext_v2 import resolve_architecture

PATCH, STEM, KERNEL, COLORS = 32, 4, 7, 3
# Side of a matrix, elements of a copy, and the type of ``measure.autocast``.
PROBES = {
    'cpu': (1024, 2**24, torch.float32),
    'cuda': (8192, 2**28, torch.bfloat16),
}


class Throughput(NamedTuple):
    """Throughput of a machine, per second."""

    flops: float
    bytes: float
    bytes_each: int  # of an element of the type that a step computes in


class Layer(NamedTuple):
    """Work of a layer: multiply-adds, and elements read and written."""

    multiply_adds: int
    inputs: int
    outputs: int
    weights: int
    normalized: int = 0  # by LayerNorm, 5 operations each as in Table 14
    beside: int = 0  # also read, in both passes: a shortcut, the loss target
    has_input_gradient: bool = True

    def passes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return operations and elements moved, forward and backward.

        Backward reads what forward read, and the gradient of the outputs; it
        writes the gradients of weights and inputs, and computing each of them
        is as much work as forward.
        """
        flops = 2 * self.multiply_adds + 5 * self.normalized
        moved = self.inputs + self.beside + self.weights + self.outputs
        if not self.has_input_gradient:
            return (flops, moved), (flops, moved + self.weights)
        return (flops, moved), (2 * flops, moved + self.weights + self.inputs)


def linear(
    rows: int,
    inputs: int,
    outputs: int,
    norm: int = 0,
    normalized: int = 0,
    has_input_gradient: bool = True,
) -> Layer:
    """Return the work of a linear layer, or of a convolution that is one.

    Args:
        rows: Number of rows: positions of all images.
        inputs: Input channels.
        outputs: Output channels.
        norm: Channels of a LayerNorm before or after it; 0 without.
        normalized: Elements that the LayerNorm normalizes.
        has_input_gradient: Whether its input has a gradient; images do not.
    """
    return Layer(
        multiply_adds=rows * inputs * outputs,
        inputs=rows * inputs,
        outputs=rows * outputs,
        weights=(inputs + 1) * outputs + 2 * norm,
        normalized=normalized,
        has_input_gradient=has_input_gradient,
    )


def block(positions: int, width: int) -> list[Layer]:
    """Return a block: depthwise convolution; LayerNorm, MLP and GRN.

    Zeros that the convolution reads, around images and at hidden positions,
    count like other elements, as in the paper.
    """
    elements, wide = positions * width, 4 * width
    mlp = (width + 1) * wide + (wide + 1) * width
    return [
        Layer(
            multiply_adds=KERNEL**2 * elements,
            inputs=elements,
            outputs=elements,
            weights=(KERNEL**2 + 1) * width,
        ),
        Layer(
            multiply_adds=2 * wide * elements,
            inputs=elements,
            outputs=elements,
            weights=mlp + 2 * width + 2 * wide,
            normalized=elements,
            beside=elements,
        ),
    ]


def encoder(
    depths: Sequence[int], channels: Sequence[int], images: int, visible: int
) -> list[Layer]:
    """Return the layers of an encoder.

    Args:
        depths: Blocks of each stage.
        channels: Width of each stage.
        images: Number of images.
        visible: Visible patches per image.
    """
    positions, width = images * visible * (PATCH // STEM) ** 2, channels[0]
    stem = linear(
        positions,
        STEM**2 * COLORS,
        width,
        norm=width,
        normalized=positions * width,
        has_input_gradient=False,
    )
    layers = [stem, *block(positions, width) * depths[0]]
    for depth, previous, width in zip(depths[1:], channels, channels[1:]):
        normalized = positions * previous
        positions //= 4
        layers.append(
            linear(positions, 4 * previous, width, previous, normalized)
        )
        layers += block(positions, width) * depth
    return layers


def decoder(
    channels: int, images: int, cells: int, visible: int, width: int = 512
) -> list[Layer]:
    """Return the layers after the encoder, loss included.

    Args:
        channels: Width of the encoder's last stage.
        images: Number of images.
        cells: Patches per image.
        visible: Visible patches per image.
        width: Width of the decoder.
    """
    seen, predicted = images * visible, images * (cells - visible)
    pixels = PATCH**2 * COLORS
    loss = Layer(
        multiply_adds=predicted * pixels,
        inputs=predicted * pixels,
        outputs=1,
        weights=0,
        beside=predicted * pixels,
    )
    return [
        linear(seen, channels, width),
        *block(images * cells, width),
        linear(predicted, width, pixels),
        loss,
    ]


def pretraining(
    arch: str | dict, part: str, images: int, cells: int, visible: int
) -> list[Layer]:
    """Return the layers of a pre-training step.

    Args:
        arch: Size of the encoder.
        part: 'encoder', or 'full model' with decoder and loss.
        images: Number of images.
        cells: Patches per image.
        visible: Visible patches per image.
    """
    depths, channels = resolve_architecture(arch)
    layers = encoder(depths, channels, images, visible)
    if part == 'full model':
        layers += decoder(channels[-1], images, cells, visible)
    return layers


def seconds(layers: list[Layer], throughput: Throughput) -> float:
    """Return the bound of a step, forward and backward, in seconds."""
    return sum(
        max(
            flops / throughput.flops,
            throughput.bytes_each * moved / throughput.bytes,
        )
        for layer in layers
        for flops, moved in layer.passes()
    )


def probes(device: str) -> dict[str, Callable[[], Tensor]]:
    """Return functions whose times show the throughput of a machine.

    They should be interleaved with the measured steps, so that other load on
    the machine slows down both.
    """
    side, elements, dtype = PROBES[device]
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    product = torch.empty_like(a)
    source = torch.zeros(elements, dtype=dtype, device=device)
    target = torch.zeros_like(source)
    return {
        'product': lambda: torch.mm(a, b, out=product),
        'copy': lambda: target.copy_(source),
    }


def throughput_of(times: dict[str, float], device: str) -> Throughput:
    """Return the throughput for the seconds of the probes, by name."""
    side, elements, dtype = PROBES[device]
    return Throughput(
        flops=2 * side**3 / times['product'],
        bytes=2 * elements * dtype.itemsize / times['copy'],
        bytes_each=dtype.itemsize,
    )
