"""The time below which a step of pre-training cannot go on a machine.

A layer takes as long as its multiply-adds at the rate of a large matrix
product, or as the numbers it reads and writes at the rate of a large copy,
whichever is longer; a step, forward and backward, takes as long as all its
layers. Layers count as fused as far as they can be: LayerNorm, MLP and GRN are
one, which reads and writes narrow sites alone, and a LayerNorm belongs to the
convolution beside it. Nothing is computed twice, no hidden site is encoded, no
visible patch predicted, and every number has the type of the step, weights
too. Caches can beat that, where what a layer writes stays until the next one
reads it, and so can skipping the zeros that the depthwise convolution reads,
which count here as they do in the paper. The optimizer's step is not in it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmpretrain_plugin.models.backbones.convnext_v2 import resolve_architecture

PATCH, STEM, KERNEL, COLOURS = 32, 4, 7, 3
# A matrix's side, a copy's numbers, and the type as of ``measure.autocast``.
PROBES = {
    'cpu': (1024, 2**24, torch.float32),
    'cuda': (8192, 2**28, torch.bfloat16),
}


class Roof(NamedTuple):
    """What a machine can do in a second."""

    flops: float
    bytes: float
    bytes_each: int  # of a number of the type that a step computes in


class Layer(NamedTuple):
    """What a layer computes, reads and writes, all in numbers."""

    multiply_adds: int
    inputs: int
    outputs: int
    weights: int
    normalized: int = 0  # by LayerNorm, at 5 operations each as in Table 14
    beside: int = 0  # read too, in both passes: a shortcut, the loss's target
    has_input_gradient: bool = True

    def passes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return operations and numbers moved, forward and backward.

        Backward reads what forward read, and the gradient of the outputs; it
        writes the gradients of weights and inputs, and each of these two is
        as much work as forward.
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
    """Describe a linear layer, or a convolution that is one.

    Args:
        rows: Rows that it multiplies: sites of all images.
        inputs: Numbers of a row that go in.
        outputs: Numbers of a row that come out.
        norm: Channels of a LayerNorm before or after it; 0 without.
        normalized: Numbers that go through that.
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


def block(sites: int, width: int) -> list[Layer]:
    """Describe a block: depthwise convolution, and LayerNorm, MLP and GRN.

    Zeros that the convolution reads, around images and at hidden sites, count
    like other numbers, as they do in the paper.
    """
    numbers, wide = sites * width, 4 * width
    mlp = (width + 1) * wide + (wide + 1) * width
    return [
        Layer(
            multiply_adds=KERNEL**2 * numbers,
            inputs=numbers,
            outputs=numbers,
            weights=(KERNEL**2 + 1) * width,
        ),
        Layer(
            multiply_adds=2 * wide * numbers,
            inputs=numbers,
            outputs=numbers,
            weights=mlp + 2 * width + 2 * wide,
            normalized=numbers,
            beside=numbers,
        ),
    ]


def encoder(
    depths: Sequence[int], channels: Sequence[int], images: int, visible: int
) -> list[Layer]:
    """Describe an encoder.

    Args:
        depths: Blocks of each stage.
        channels: Width of each stage.
        images: Number of images.
        visible: Visible patches of each.
    """
    sites, width = images * visible * (PATCH // STEM) ** 2, channels[0]
    stem = linear(
        sites,
        STEM**2 * COLOURS,
        width,
        norm=width,
        normalized=sites * width,
        has_input_gradient=False,
    )
    layers = [stem, *block(sites, width) * depths[0]]
    for depth, previous, width in zip(depths[1:], channels, channels[1:]):
        normalized = sites * previous
        sites //= 4
        layers.append(linear(sites, 4 * previous, width, previous, normalized))
        layers += block(sites, width) * depth
    return layers


def decoder(
    channels: int, images: int, cells: int, visible: int, width: int = 512
) -> list[Layer]:
    """Describe what follows the encoder, up to the loss.

    Args:
        channels: Width of the encoder's last stage.
        images: Number of images.
        cells: Patches of each.
        visible: Those that are visible.
        width: Width of the decoder.
    """
    seen, predicted = images * visible, images * (cells - visible)
    pixels = PATCH**2 * COLOURS
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
    """Describe a step of pre-training.

    Args:
        arch: Size of the encoder.
        part: 'encoder', or 'whole' with decoder and loss.
        images: Number of images.
        cells: Patches of each.
        visible: Those that are visible.
    """
    depths, channels = resolve_architecture(arch)
    layers = encoder(depths, channels, images, visible)
    if part == 'whole':
        layers += decoder(channels[-1], images, cells, visible)
    return layers


def seconds(layers: list[Layer], roof: Roof) -> float:
    """Add up the layers of a step, forward and backward."""
    return sum(
        max(flops / roof.flops, roof.bytes_each * moved / roof.bytes)
        for layer in layers
        for flops, moved in layer.passes()
    )


def probes(device: str) -> dict[str, Callable[[], Tensor]]:
    """Return what shows the roof of a machine when it is timed.

    It is meant to take turns with the steps, so that what else the machine
    does slows down both.
    """
    side, numbers, dtype = PROBES[device]
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    product = torch.empty_like(a)
    source = torch.zeros(numbers, dtype=dtype, device=device)
    target = torch.zeros_like(source)
    return {
        'product': lambda: torch.mm(a, b, out=product),
        'copy': lambda: target.copy_(source),
    }


def roof_of(times: dict[str, float], device: str) -> Roof:
    """Compute the roof from the seconds of the probes, by name."""
    side, numbers, dtype = PROBES[device]
    return Roof(
        flops=2 * side**3 / times['product'],
        bytes=2 * numbers * dtype.itemsize / times['copy'],
        bytes_each=dtype.itemsize,
    )
