"""Depthwise convolution of visible patches as Triton kernels.

A program convolves some positions and channels of one patch and looks up their
neighbors in the table of patches, without gathering. Triton is optional.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..autocast import compute_dtype, no_autocast
from ..triton_support import tl, triton
from ..visible_patches import VisiblePatches

# Programs that share the patches of a kernel gradient; their sums are added.
SPLITS = 64


def triton_depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor, patches: VisiblePatches
) -> Tensor:
    """Compute ``packed_depthwise_conv`` by Triton kernels.

    Args:
        x: Positions (N, V, p * p, C) in (row, column) order.
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).
        patches: The visible patches.

    Returns:
        Tensor of the shape of x.
    """
    side = math.isqrt(x.shape[2])
    radius = -(-(weight.shape[-1] // 2) // side)
    table = patches.neighbor_table(radius)
    dtype = compute_dtype(x)
    with no_autocast(x):
        return TritonDepthwiseConv.apply(x.to(dtype), weight, bias, table)


class TritonDepthwiseConv(torch.autograd.Function):
    """Convolution and both gradients by Triton kernels."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, table: Tensor
    ) -> Tensor:
        """Convolve, and save only the packed positions for backward."""
        x = x.contiguous()
        ctx.save_for_backward(x, weight, table)
        return _convolve(x, weight, bias, table, flipped=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Convolve with the flipped kernel, and sum the kernel's gradient."""
        x, weight, table = ctx.saved_tensors
        grad = grad.contiguous()
        d_x = _convolve(grad, weight, None, table, flipped=True)
        d_weight = _weight_gradient(x, grad, table, weight.shape[-1])
        d_bias = grad.flatten(0, 2).sum(0, dtype=d_weight.dtype)
        return d_x, d_weight.to(weight.dtype), d_bias.to(weight.dtype), None


def _block_sizes(positions: int, channels: int) -> dict[str, int]:
    """Return how many positions and channels a program computes."""
    return dict(
        block_p=min(64, triton.next_power_of_2(positions)),
        block_c=min(64, triton.next_power_of_2(channels)),
    )


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: Tensor,
    flipped: bool,
) -> Tensor:
    """Launch the convolution, with the weight flipped or not."""
    positions, channels = x.shape[2:]
    size = _block_sizes(positions, channels)
    y = torch.empty_like(x)
    # (k k, C), so that neighboring channels lie next to each other
    weight = weight.flatten(1).t().contiguous()
    grid = (
        len(table),
        triton.cdiv(positions, size['block_p']),
        triton.cdiv(channels, size['block_c']),
    )
    with torch.cuda.device_of(x):
        convolve_kernel[grid](
            x, table, weight, x if bias is None else bias, y, channels,
            side=math.isqrt(positions), around=table.shape[-1],
            k=math.isqrt(len(weight)), flipped=flipped,
            has_bias=bias is not None, **size,
        )  # fmt: skip
    return y


def _weight_gradient(x: Tensor, grad: Tensor, table: Tensor, k: int) -> Tensor:
    """Launch the sum of the kernel's gradient: (C, 1, k, k) in fp32."""
    positions, channels = x.shape[2:]
    size = _block_sizes(positions, channels)
    splits = min(SPLITS, len(table))
    parts = x.new_empty(splits, k * k, channels, dtype=torch.float32)
    grid = (splits, k * k, triton.cdiv(channels, size['block_c']))
    with torch.cuda.device_of(x):
        weight_gradient_kernel[grid](
            x, grad, table, parts, len(table), splits, channels,
            side=math.isqrt(positions), around=table.shape[-1], k=k, **size,
        )  # fmt: skip
    return parts.sum(0).t().reshape(channels, 1, k, k)


if triton is not None:

    @triton.jit
    def neighbor_position(
        table, patch, position, dy, dx,
        side: tl.constexpr, around: tl.constexpr, k: tl.constexpr,
    ):  # fmt: skip
        """Return indices of the positions at an offset, -1 if not visible."""
        positions: tl.constexpr = side * side
        reach: tl.constexpr = (around // 2) * side - k // 2
        row = position // side + dy + reach
        column = position % side + dx + reach
        at = patch * around * around + row // side * around + column // side
        number = tl.load(table + at, mask=position < positions, other=-1)
        inside = row % side * side + column % side
        return tl.where(number < 0, -1, number * positions + inside)

    @triton.jit
    def convolve_kernel(
        x, table, weight, bias, y, channels,
        side: tl.constexpr, around: tl.constexpr, k: tl.constexpr,
        flipped: tl.constexpr, has_bias: tl.constexpr,
        block_p: tl.constexpr, block_c: tl.constexpr,
    ):  # fmt: skip
        """Convolve block_p positions and block_c channels of one patch."""
        patch = tl.program_id(0).to(tl.int64)
        position = tl.program_id(1) * block_p + tl.arange(0, block_p)
        channel = tl.program_id(2) * block_c + tl.arange(0, block_c)
        is_channel = channel < channels
        total = tl.zeros((block_p, block_c), dtype=tl.float32)
        if has_bias:
            start = tl.load(bias + channel, mask=is_channel, other=0)
            total += start.to(tl.float32)[None, :]
        for offset in range(k * k):
            source = neighbor_position(
                table, patch, position, offset // k, offset % k,
                side, around, k,
            )  # fmt: skip
            value = tl.load(
                x + source[:, None] * channels + channel[None, :],
                mask=(source >= 0)[:, None] & is_channel[None, :],
                other=0,
            )
            tap = k * k - 1 - offset if flipped else offset
            factor = tl.load(
                weight + tap * channels + channel, mask=is_channel, other=0
            )
            total += value.to(tl.float32) * factor.to(tl.float32)[None, :]
        target = patch * side * side + position
        tl.store(
            y + target[:, None] * channels + channel[None, :],
            total.to(y.dtype.element_ty),
            mask=(position < side * side)[:, None] & is_channel[None, :],
        )

    @triton.jit
    def weight_gradient_kernel(
        x, grad, table, parts, patches, splits, channels,
        side: tl.constexpr, around: tl.constexpr, k: tl.constexpr,
        block_p: tl.constexpr, block_c: tl.constexpr,
    ):  # fmt: skip
        """Sum gradient times neighbor for one tap and some of the patches."""
        split = tl.program_id(0)
        tap = tl.program_id(1)
        channel = tl.program_id(2) * block_c + tl.arange(0, block_c)
        is_channel = channel < channels
        total = tl.zeros((block_c,), dtype=tl.float32)
        for patch in range(split, patches, splits):
            for start in range(0, side * side, block_p):
                position = start + tl.arange(0, block_p)
                source = neighbor_position(
                    table, patch, position, tap // k, tap % k, side, around, k
                ).to(tl.int64)
                here = (patch * side * side + position).to(tl.int64)
                mask = (source >= 0)[:, None] & is_channel[None, :]
                value = tl.load(
                    x + source[:, None] * channels + channel[None, :],
                    mask=mask, other=0,
                )  # fmt: skip
                grad_value = tl.load(
                    grad + here[:, None] * channels + channel[None, :],
                    mask=mask, other=0,
                )  # fmt: skip
                product = value.to(tl.float32) * grad_value.to(tl.float32)
                total += tl.sum(product, axis=0)
        tl.store(
            parts + (split * k * k + tap) * channels + channel,
            total, mask=is_channel,
        )  # fmt: skip
