"""GELU with the norms of GRN, and their gradients, as Triton kernels.

Counted in reads and writes of the activations (N, T, K) in bf16, with fp32
counted twice, PyTorch's operations take 3 forward and 19 backward; these
kernels take 2 and 3. No sum is atomic: each program writes the sums of its
tile and PyTorch adds them, in every run in the same order.
"""

import torch
from torch import Tensor

from ..triton_support import tl, triton


def triton_gelu_norms_forward(
    a: Tensor, in_place: bool
) -> tuple[Tensor, Tensor]:
    """Apply GELU, and compute the norms of the activations.

    Args:
        a: Expanded features (N, T, K) in fp16, bf16 or fp32.
        in_place: Whether to overwrite a with the activations.

    Returns:
        The activations, of the shape and type of a, and their L2 norms over
        the positions of each image (N, K) in fp32.
    """
    a = a.contiguous()
    h = a if in_place else torch.empty_like(a)
    grid, parts, size = tiles(a)
    with torch.cuda.device_of(a):
        gelu_norms_forward_kernel[grid](a, h, parts, *a.shape[1:], **size)
    return h, parts.sum(1).sqrt_()


def triton_gelu_norms_backward(
    d_h: Tensor, a: Tensor, ratio: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Compute the gradient of norms and GELU, overwriting d_h.

    Args:
        d_h: Gradient of the activations without the part through their norms,
            (N, T, K).
        a: Expanded features (N, T, K) in the type of d_h.
        ratio: Gradient of the norms divided by the norms, (N, K) in fp32;
            None without norms.

    Returns:
        The gradient of a, and its sum over positions and images (K) in fp32.
    """
    d_a, a = d_h.contiguous(), a.contiguous()
    grid, parts, size = tiles(a)
    with torch.cuda.device_of(a):
        gelu_norms_backward_kernel[grid](
            d_a, a, a if ratio is None else ratio.contiguous(), parts,
            *a.shape[1:], has_ratio=ratio is not None, **size,
        )  # fmt: skip
    return d_a, parts.sum((0, 1))


def tiles(a: Tensor) -> tuple[tuple[int, int], Tensor, dict[str, int]]:
    """Split features (N, T, K) into tiles inside an image, one per program.

    Returns:
        The grid of programs; memory for a sum per tile and channel in fp32,
        (N, tiles along T, K); and the positions and channels of a tile, and
        the warps of a program.
    """
    images, positions, channels = a.shape
    size = dict(
        block_t=min(64, triton.next_power_of_2(positions)),
        block_k=min(64, triton.next_power_of_2(channels)),
    )
    # Of more warps, several would hold the same elements of a small tile, and
    # one could read an element that another has overwritten.
    elements = size['block_t'] * size['block_k']
    size['num_warps'] = max(1, min(8, elements // 256))
    splits = triton.cdiv(positions, size['block_t'])
    parts = a.new_empty(images, splits, channels, dtype=torch.float32)
    # Only the first axis of a grid may be longer than 65535.
    grid = (splits * triton.cdiv(channels, size['block_k']), images)
    return grid, parts, size


if triton is not None:

    @triton.jit
    def locate_tile(
        positions, channels, block_t: tl.constexpr, block_k: tl.constexpr
    ):  # fmt: skip
        """Return where this program's tile and its sums are.

        Returns:
            Offsets (block_t, block_k) of the tile and which of them exist,
            offsets (block_k) of its sums and which of them exist, and its
            channels (block_k).
        """
        across = tl.cdiv(channels, block_k)
        split = tl.program_id(0) // across
        image = tl.program_id(1).to(tl.int64)
        position = split * block_t + tl.arange(0, block_t)
        channel = tl.program_id(0) % across * block_k + tl.arange(0, block_k)
        is_channel = channel < channels
        # The features of a batch may have more than 2^31 elements.
        row = image * positions + position
        at = row[:, None] * channels + channel[None, :]
        mask = (position < positions)[:, None] & is_channel[None, :]
        part = image * tl.cdiv(positions, block_t) + split
        return at, mask, part * channels + channel, is_channel, channel

    @triton.jit
    def normal_cdf(a):
        """Return the standard normal distribution function at a."""
        return 0.5 * (1 + tl.math.erf(a * 0.7071067811865476))  # sqrt(1 / 2)

    @triton.jit
    def gelu_norms_forward_kernel(
        a, h, parts, positions, channels,
        block_t: tl.constexpr, block_k: tl.constexpr,
    ):  # fmt: skip
        """Apply GELU to a tile, and sum the squares of its channels."""
        at, mask, part, is_channel, _ = locate_tile(
            positions, channels, block_t, block_k
        )
        value = tl.load(a + at, mask=mask, other=0).to(tl.float32)
        # The norms are of the rounded activations that the product will read.
        activation = (value * normal_cdf(value)).to(h.dtype.element_ty)
        tl.store(h + at, activation, mask=mask)
        wide = activation.to(tl.float32)
        tl.store(parts + part, tl.sum(wide * wide, axis=0), mask=is_channel)

    @triton.jit
    def gelu_norms_backward_kernel(
        d_a, a, ratio, parts, positions, channels, has_ratio: tl.constexpr,
        block_t: tl.constexpr, block_k: tl.constexpr,
    ):  # fmt: skip
        """Compute the gradient of a tile, and sum it over positions."""
        at, mask, part, is_channel, channel = locate_tile(
            positions, channels, block_t, block_k
        )
        value = tl.load(a + at, mask=mask, other=0).to(tl.float32)
        grad = tl.load(d_a + at, mask=mask, other=0).to(tl.float32)
        cdf = normal_cdf(value)
        if has_ratio:
            factor = tl.load(
                ratio + tl.program_id(1) * channels + channel,
                mask=is_channel, other=0,
            )  # fmt: skip
            activation = (value * cdf).to(a.dtype.element_ty)
            grad += activation.to(tl.float32) * factor[None, :]
        density = 0.3989422804014327 * tl.exp(-0.5 * value * value)
        grad *= cdf + value * density  # sqrt(1 / (2 pi)) above
        tl.store(d_a + at, grad.to(d_a.dtype.element_ty), mask=mask)
        tl.store(parts + part, tl.sum(grad, axis=0), mask=is_channel)
