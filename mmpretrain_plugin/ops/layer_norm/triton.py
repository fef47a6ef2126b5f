"""LayerNorm over channels, and its gradient, as Triton kernels.

PyTorch's ``native_layer_norm`` computes in the type of its weight, so under
autocast the input is copied to fp32 and the result back. Counted in reads and
writes of the input (N, T, C) in bf16, with fp32 counted twice, its forward
takes 10 and its backward 19; these kernels take 2 and 3.
"""

import torch
from torch import Tensor

from ..triton_support import tl, triton

# Elements of a tile: many rows of few channels, or one row of many.
TILE = 4096


def triton_layer_norm_forward(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize the last axis, with statistics in fp32.

    Args:
        x: Input (..., C) in fp16, bf16 or fp32.
        weight: Weight (C).
        bias: Bias (C).
        eps: Added to the variance.
        dtype: Type of the result.

    Returns:
        The result (..., C), and means and inverse standard deviations (..., 1)
        in fp32.
    """
    x = x.contiguous()
    z = torch.empty_like(x, dtype=dtype)
    mean, rstd = x.new_empty(2, *x.shape[:-1], 1, dtype=torch.float32)
    rows, size = mean.numel(), tile_sizes(x.shape[-1])
    with torch.cuda.device_of(x):
        layer_norm_forward_kernel[(triton.cdiv(rows, size['block_r']),)](
            x, weight.contiguous(), bias.contiguous(), z, mean, rstd,
            rows, eps, **size, num_warps=8,
        )  # fmt: skip
    return z, mean, rstd


def triton_layer_norm_backward(
    d_z: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of input, weight and bias.

    Args:
        d_z: Gradient of the result (..., C).
        x: Input (..., C).
        mean: Means of its rows (..., 1).
        rstd: Inverse standard deviations of its rows (..., 1).
        weight: Weight (C).

    Returns:
        The gradient of x in its type, and those of weight and bias in fp32.
    """
    d_z, x = d_z.contiguous(), x.contiguous()
    d_x = torch.empty_like(x)
    rows, size = mean.numel(), tile_sizes(x.shape[-1])
    # So many rows that a program reads much more than the sums it writes.
    steps = max(4, 16 // size['block_r'])
    programs = triton.cdiv(rows, steps * size['block_r'])
    parts = x.new_empty(programs, 2, x.shape[-1], dtype=torch.float32)
    with torch.cuda.device_of(x):
        layer_norm_backward_kernel[(programs,)](
            d_z, x, mean, rstd, weight.contiguous(), d_x, parts, rows,
            steps=steps, **size, num_warps=8,
        )  # fmt: skip
    return d_x, *parts.sum(0)


def tile_sizes(channels: int) -> dict[str, int]:
    """Return the rows of a tile, and the power of two that holds a row."""
    block_c = triton.next_power_of_2(channels)
    return dict(
        channels=channels, block_r=max(1, TILE // block_c), block_c=block_c
    )


if triton is not None:

    @triton.jit
    def layer_norm_forward_kernel(
        x, weight, bias, z, mean, rstd, rows, eps,
        channels: tl.constexpr, block_r: tl.constexpr, block_c: tl.constexpr,
    ):  # fmt: skip
        """Normalize block_r rows."""
        row = tl.program_id(0).to(tl.int64) * block_r + tl.arange(0, block_r)
        channel = tl.arange(0, block_c)
        is_row, is_channel = row < rows, channel < channels
        at = row[:, None] * channels + channel[None, :]
        mask = is_row[:, None] & is_channel[None, :]
        value = tl.load(x + at, mask=mask, other=0).to(tl.float32)
        center = tl.sum(value, axis=1) / channels
        centered = tl.where(mask, value - center[:, None], 0.0)
        variance = tl.sum(centered * centered, axis=1) / channels
        inverse = tl.math.rsqrt(variance + eps)
        tl.store(mean + row, center, mask=is_row)
        tl.store(rstd + row, inverse, mask=is_row)
        factor = tl.load(weight + channel, mask=is_channel, other=0)
        offset = tl.load(bias + channel, mask=is_channel, other=0)
        result = (
            centered * inverse[:, None] * factor.to(tl.float32)[None, :]
            + offset.to(tl.float32)[None, :]
        )
        tl.store(z + at, result.to(z.dtype.element_ty), mask=mask)

    @triton.jit
    def layer_norm_backward_kernel(
        d_z, x, mean, rstd, weight, d_x, parts, rows,
        steps: tl.constexpr, channels: tl.constexpr,
        block_r: tl.constexpr, block_c: tl.constexpr,
    ):  # fmt: skip
        """Compute gradients of steps * block_r rows, and sum over the rows."""
        program = tl.program_id(0).to(tl.int64)
        channel = tl.arange(0, block_c)
        is_channel = channel < channels
        factor = tl.load(weight + channel, mask=is_channel, other=0)
        factor = factor.to(tl.float32)[None, :]
        d_weight = tl.zeros((block_r, block_c), dtype=tl.float32)
        d_bias = tl.zeros((block_r, block_c), dtype=tl.float32)
        for step in range(steps):
            row = (program * steps + step) * block_r + tl.arange(0, block_r)
            is_row = row < rows
            at = row[:, None] * channels + channel[None, :]
            mask = is_row[:, None] & is_channel[None, :]
            # Elements beyond the rows or channels are 0 and add nothing.
            grad = tl.load(d_z + at, mask=mask, other=0).to(tl.float32)
            value = tl.load(x + at, mask=mask, other=0).to(tl.float32)
            center = tl.load(mean + row, mask=is_row, other=0)[:, None]
            inverse = tl.load(rstd + row, mask=is_row, other=0)[:, None]
            normal = (value - center) * inverse
            d_weight += grad * normal
            d_bias += grad
            grad *= factor
            along = tl.sum(grad * normal, axis=1)[:, None] / channels
            level = tl.sum(grad, axis=1)[:, None] / channels
            result = (grad - level - normal * along) * inverse
            tl.store(d_x + at, result.to(d_x.dtype.element_ty), mask=mask)
        part = parts + program * 2 * channels + channel
        tl.store(part, tl.sum(d_weight, axis=0), mask=is_channel)
        tl.store(part + channels, tl.sum(d_bias, axis=0), mask=is_channel)
