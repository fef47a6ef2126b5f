"""The depthwise convolution of visible patches as Triton kernels.

The same as ``halo_depthwise``, without gathering: a program convolves some
sites and channels of one patch and finds their neighbors through the table of
patches. Triton is optional; ``PackedLayout`` asks whether it is available.
"""

import math

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .neighbors import Neighbors
from .precision import compute_dtype, no_autocast
from .triton_available import tl, triton

# Programs that share the patches of a weight gradient; their sums are added.
SPLITS = 64


def triton_depthwise(
    x: Tensor, weight: Tensor, bias: Tensor, neighbors: Neighbors
) -> Tensor:
    """Convolve the sites of visible patches; hidden ones read as zero.

    Args:
        x: Sites (N, V, p * p, C) in (row, column) order.
        weight: Kernel (C, 1, k, k), k odd.
        bias: Bias (C).
        neighbors: The neighbors of the patches.

    Returns:
        Tensor of the shape of x.
    """
    side = math.isqrt(x.shape[2])
    radius = -(-(weight.shape[-1] // 2) // side)
    table = neighbors.of_patches(radius)
    dtype = compute_dtype(x)
    with no_autocast(x):
        return TritonDepthwise.apply(x.to(dtype), weight, bias, table)


class TritonDepthwise(torch.autograd.Function):
    """Three kernels: forward, and the gradients of input and weight."""

    @staticmethod
    def forward(
        ctx: object, x: Tensor, weight: Tensor, bias: Tensor, table: Tensor
    ) -> Tensor:
        """Convolve, and keep the packed sites alone."""
        x = x.contiguous()
        ctx.save_for_backward(x, weight, table)
        return convolve(x, weight, bias, table, turned=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of x is the convolution with the kernel turned."""
        x, weight, table = ctx.saved_tensors
        grad = grad.contiguous()
        d_x = convolve(grad, weight, None, table, turned=True)
        d_weight = weight_gradient(x, grad, table, weight.shape[-1])
        d_bias = grad.flatten(0, 2).sum(0, dtype=d_weight.dtype)
        return d_x, d_weight.to(weight.dtype), d_bias.to(weight.dtype), None


def blocks(sites: int, channels: int) -> dict[str, int]:
    """Choose how many sites and channels a program takes."""
    return dict(
        block_s=min(64, triton.next_power_of_2(sites)),
        block_c=min(64, triton.next_power_of_2(channels)),
    )


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: Tensor,
    turned: bool,
) -> Tensor:
    """Run the kernel of the convolution, its weight turned or not."""
    sites, channels = x.shape[2:]
    size = blocks(sites, channels)
    y = torch.empty_like(x)
    # (k k, C), so that neighboring channels lie next to each other
    weight = weight.flatten(1).t().contiguous()
    grid = (
        len(table),
        triton.cdiv(sites, size['block_s']),
        triton.cdiv(channels, size['block_c']),
    )
    with torch.cuda.device_of(x):
        convolve_kernel[grid](
            x, table, weight, x if bias is None else bias, y, channels,
            side=math.isqrt(sites), around=table.shape[-1],
            k=math.isqrt(len(weight)), turned=turned,
            has_bias=bias is not None, **size,
        )  # fmt: skip
    return y


def weight_gradient(x: Tensor, grad: Tensor, table: Tensor, k: int) -> Tensor:
    """Run the kernel of the weight's gradient: (C, 1, k, k) in fp32."""
    sites, channels = x.shape[2:]
    size = blocks(sites, channels)
    splits = min(SPLITS, len(table))
    parts = x.new_empty(splits, k * k, channels, dtype=torch.float32)
    grid = (splits, k * k, triton.cdiv(channels, size['block_c']))
    with torch.cuda.device_of(x):
        weight_gradient_kernel[grid](
            x, grad, table, parts, len(table), splits, channels,
            side=math.isqrt(sites), around=table.shape[-1], k=k, **size,
        )  # fmt: skip
    return parts.sum(0).t().reshape(channels, 1, k, k)


if triton is not None:

    @triton.jit
    def neighbor_site(
        table, patch, site, dy, dx,
        side: tl.constexpr, around: tl.constexpr, k: tl.constexpr,
    ):  # fmt: skip
        """Number the sites at an offset from some sites of a patch, or < 0."""
        sites: tl.constexpr = side * side
        reach: tl.constexpr = (around // 2) * side - k // 2
        row = site // side + dy + reach
        column = site % side + dx + reach
        at = patch * around * around + row // side * around + column // side
        number = tl.load(table + at, mask=site < sites, other=-1)
        inside = row % side * side + column % side
        return tl.where(number < 0, -1, number * sites + inside)

    @triton.jit
    def convolve_kernel(
        x, table, weight, bias, y, channels,
        side: tl.constexpr, around: tl.constexpr, k: tl.constexpr,
        turned: tl.constexpr, has_bias: tl.constexpr,
        block_s: tl.constexpr, block_c: tl.constexpr,
    ):  # fmt: skip
        """Convolve block_s sites and block_c channels of one patch."""
        patch = tl.program_id(0).to(tl.int64)
        site = tl.program_id(1) * block_s + tl.arange(0, block_s)
        channel = tl.program_id(2) * block_c + tl.arange(0, block_c)
        is_channel = channel < channels
        total = tl.zeros((block_s, block_c), dtype=tl.float32)
        if has_bias:
            start = tl.load(bias + channel, mask=is_channel, other=0)
            total += start.to(tl.float32)[None, :]
        for offset in range(k * k):
            source = neighbor_site(
                table, patch, site, offset // k, offset % k, side, around, k
            )
            value = tl.load(
                x + source[:, None] * channels + channel[None, :],
                mask=(source >= 0)[:, None] & is_channel[None, :],
                other=0,
            )
            tap = k * k - 1 - offset if turned else offset
            factor = tl.load(
                weight + tap * channels + channel, mask=is_channel, other=0
            )
            total += value.to(tl.float32) * factor.to(tl.float32)[None, :]
        target = patch * side * side + site
        tl.store(
            y + target[:, None] * channels + channel[None, :],
            total.to(y.dtype.element_ty),
            mask=(site < side * side)[:, None] & is_channel[None, :],
        )

    @triton.jit
    def weight_gradient_kernel(
        x, grad, table, parts, patches, splits, channels,
        side: tl.constexpr, around: tl.constexpr, k: tl.constexpr,
        block_s: tl.constexpr, block_c: tl.constexpr,
    ):  # fmt: skip
        """Sum site times neighbor over a share of the patches, one tap."""
        split = tl.program_id(0)
        tap = tl.program_id(1)
        channel = tl.program_id(2) * block_c + tl.arange(0, block_c)
        is_channel = channel < channels
        total = tl.zeros((block_c,), dtype=tl.float32)
        for patch in range(split, patches, splits):
            for start in range(0, side * side, block_s):
                site = start + tl.arange(0, block_s)
                source = neighbor_site(
                    table, patch, site, tap // k, tap % k, side, around, k
                ).to(tl.int64)
                here = (patch * side * side + site).to(tl.int64)
                mask = (source >= 0)[:, None] & is_channel[None, :]
                value = tl.load(
                    x + source[:, None] * channels + channel[None, :],
                    mask=mask, other=0,
                )  # fmt: skip
                slope = tl.load(
                    grad + here[:, None] * channels + channel[None, :],
                    mask=mask, other=0,
                )  # fmt: skip
                product = value.to(tl.float32) * slope.to(tl.float32)
                total += tl.sum(product, axis=0)
        tl.store(
            parts + (split * k * k + tap) * channels + channel,
            total, mask=is_channel,
        )  # fmt: skip
