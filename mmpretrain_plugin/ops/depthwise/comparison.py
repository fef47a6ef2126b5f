"""Comparison of the Triton depthwise convolution with float64."""

import torch

from ..triton_support import relative_error
from ..visible_patches import VisiblePatches
from .dense import plain_depthwise_conv
from .triton import triton_depthwise_conv

CHANNELS = 40
KERNEL = 7
GRID = (4, 5)  # of patches
# Positions along a side of a patch.
SIDE = 2


def compare_depthwise_conv(device: torch.device, dtype: torch.dtype) -> float:
    """Return the largest relative error of results and gradients.

    Args:
        device: Device on which the kernels run.
        dtype: Type of the input; the weight is fp32.
    """
    generator = torch.Generator().manual_seed(0)
    count = GRID[0] * GRID[1]
    # Two images, each with about half of its patches.
    indices = torch.stack(
        [
            torch.randperm(count, generator=generator)[: count // 2].sort()[0]
            for _ in range(2)
        ]
    )
    shape = *indices.shape, SIDE**2, CHANNELS
    x, grad = torch.randn(2, *shape, generator=generator).to(dtype)
    weight = torch.randn(CHANNELS, 1, KERNEL, KERNEL, generator=generator)
    weight, bias = weight / KERNEL, torch.randn(CHANNELS, generator=generator)

    with torch.enable_grad():
        exact = [v.double().requires_grad_() for v in (x, weight, bias)]
        patches = VisiblePatches(indices, GRID)
        y = patches.gather(
            plain_depthwise_conv(patches.scatter(exact[0]), *exact[1:])
        )
        wanted = torch.autograd.grad(y, exact, grad.double())
        inputs = [v.to(device).requires_grad_() for v in (x, weight, bias)]
        patches = VisiblePatches(indices.to(device), GRID)
        got = triton_depthwise_conv(*inputs, patches)
        found = torch.autograd.grad(got, inputs, grad.to(device))
    pairs = [(got, y.detach()), *zip(found, wanted)]
    return max(relative_error(*pair) for pair in pairs)
