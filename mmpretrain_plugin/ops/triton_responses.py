"""GELU with the norms of GRN, and their slopes, as Triton kernels.

Torch's way in ``folded_mlp`` remains the meaning. Counted in reads and writes
of the responses (N, T, K) in bf16, where what is in fp32 counts twice, it
takes 3 for GELU and norms and 19 for their slopes; here it is 2 and 3. No sum
is atomic: a program writes those of its tile, and torch adds them up, in every
run in the same order.
"""

import torch
from torch import Tensor

from .triton_available import tl, triton


def gelu_norms(a: Tensor, in_place: bool) -> tuple[Tensor, Tensor]:
    """Apply GELU, and take the norms of its responses.

    Args:
        a: Expanded sites (N, T, K) in fp16, bf16 or fp32.
        in_place: Whether to write the responses over a.

    Returns:
        The responses, of the shape and type of a, and their norms over the
        sites of each image (N, K) in fp32.
    """
    a = a.contiguous()
    h = a if in_place else torch.empty_like(a)
    grid, parts, size = tiles(a)
    with torch.cuda.device_of(a):
        gelu_norms_kernel[grid](a, h, parts, *a.shape[1:], **size, num_warps=8)
    return h, parts.sum(1).sqrt_()


def gelu_norms_backward(
    d_h: Tensor, a: Tensor, ratio: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Take the gradient through norms and GELU, and write it over d_h.

    Args:
        d_h: Gradient of the responses but for what comes through their norms,
            (N, T, K).
        a: Expanded sites (N, T, K) in the type of d_h.
        ratio: Gradient of the norms divided by them, (N, K) in fp32; None
            without norms.

    Returns:
        The gradient of a, and its sum over sites and images (K) in fp32.
    """
    d_a, a = d_h.contiguous(), a.contiguous()
    grid, parts, size = tiles(a)
    with torch.cuda.device_of(a):
        gelu_norms_backward_kernel[grid](
            d_a, a, a if ratio is None else ratio.contiguous(), parts,
            *a.shape[1:], has_ratio=ratio is not None, **size, num_warps=8,
        )  # fmt: skip
    return d_a, parts.sum((0, 1))


def tiles(a: Tensor) -> tuple[tuple[int, int], Tensor, dict[str, int]]:
    """Cut the sites (N, T, K) into tiles inside an image, one per program.

    Returns:
        The grid of programs; memory for a sum per tile and channel in fp32,
        (N, tiles along T, K); and the sites and channels of a tile.
    """
    images, sites, channels = a.shape
    size = dict(
        block_t=min(64, triton.next_power_of_2(sites)),
        block_k=min(64, triton.next_power_of_2(channels)),
    )
    splits = triton.cdiv(sites, size['block_t'])
    parts = a.new_empty(images, splits, channels, dtype=torch.float32)
    # Of the axes of a grid the first alone may be longer than 65535.
    grid = (splits * triton.cdiv(channels, size['block_k']), images)
    return grid, parts, size


if triton is not None:

    @triton.jit
    def place(
        sites, channels, block_t: tl.constexpr, block_k: tl.constexpr
    ):  # fmt: skip
        """Find this program's tile, and its sums.

        Returns:
            Offsets (block_t, block_k) of the tile and which of them exist,
            offsets (block_k) of its sums and which of them exist, and its
            channels (block_k).
        """
        across = tl.cdiv(channels, block_k)
        split = tl.program_id(0) // across
        image = tl.program_id(1).to(tl.int64)
        site = split * block_t + tl.arange(0, block_t)
        channel = tl.program_id(0) % across * block_k + tl.arange(0, block_k)
        is_channel = channel < channels
        # All sites of all images may hold more than 2^31 numbers.
        row = image * sites + site
        at = row[:, None] * channels + channel[None, :]
        mask = (site < sites)[:, None] & is_channel[None, :]
        part = image * tl.cdiv(sites, block_t) + split
        return at, mask, part * channels + channel, is_channel, channel

    @triton.jit
    def share_below(a):
        """Return the share of a standard normal variable below a."""
        return 0.5 * (1 + tl.math.erf(a * 0.7071067811865476))  # sqrt(1 / 2)

    @triton.jit
    def gelu_norms_kernel(
        a, h, parts, sites, channels,
        block_t: tl.constexpr, block_k: tl.constexpr,
    ):  # fmt: skip
        """Apply GELU to a tile, and sum the squares of its channels."""
        at, mask, part, is_channel, _ = place(
            sites, channels, block_t, block_k
        )
        value = tl.load(a + at, mask=mask, other=0).to(tl.float32)
        # The responses that count are those that the product will read.
        response = (value * share_below(value)).to(h.dtype.element_ty)
        tl.store(h + at, response, mask=mask)
        wide = response.to(tl.float32)
        tl.store(parts + part, tl.sum(wide * wide, axis=0), mask=is_channel)

    @triton.jit
    def gelu_norms_backward_kernel(
        d_a, a, ratio, parts, sites, channels, has_ratio: tl.constexpr,
        block_t: tl.constexpr, block_k: tl.constexpr,
    ):  # fmt: skip
        """Go back through norms and GELU in a tile, and sum its channels."""
        at, mask, part, is_channel, channel = place(
            sites, channels, block_t, block_k
        )
        value = tl.load(a + at, mask=mask, other=0).to(tl.float32)
        slope = tl.load(d_a + at, mask=mask, other=0).to(tl.float32)
        share = share_below(value)
        if has_ratio:
            factor = tl.load(
                ratio + tl.program_id(1) * channels + channel,
                mask=is_channel, other=0,
            )  # fmt: skip
            response = (value * share).to(a.dtype.element_ty)
            slope += response.to(tl.float32) * factor[None, :]
        density = 0.3989422804014327 * tl.exp(-0.5 * value * value)
        slope *= share + value * density  # sqrt(1 / (2 pi)) above
        tl.store(d_a + at, slope.to(d_a.dtype.element_ty), mask=mask)
        tl.store(parts + part, tl.sum(slope, axis=0), mask=is_channel)
