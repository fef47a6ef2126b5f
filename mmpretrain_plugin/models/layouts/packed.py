"""The packed layout: only the sites of visible patches exist.

Every layer of a ConvNeXt but the depthwise convolution acts on one site or
inside one patch, so hidden patches need not be there at all. Shapes depend on
the number of visible patches alone, never on where they are.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops import (
    Neighbors,
    halo_depthwise,
    triton_available,
    triton_depthwise,
)
from ..masking import visible_indices
from .dense import convolve


class PackedLayout:
    """Sites of visible patches, ``(N, V, p * p, C)``.

    V is the number of visible patches, in raster order, and p the sites per
    patch side at the current stage, in (row, column) order.

    Args:
        mask: Mask of patches (N, h, w), True = hidden, the same number in
            every image.
        device: Where the features are.

    Raises:
        ValueError: If the images hide different numbers of patches.
    """

    # Those that are hidden do not exist.
    has_hidden_sites = False

    def __init__(self, mask: Tensor, device: torch.device) -> None:
        self.grid = tuple(mask.shape[1:])
        self.patches = visible_indices(mask).to(device, non_blocking=True)
        self.neighbors = Neighbors(self.patches, self.grid)
        self._sites: dict[int, Tensor] = {}

    def enter(self, images: Tensor) -> Tensor:
        """Gather images (N, C, H, W) as visible pixels (N, V, P * P, C)."""
        side = images.shape[2] // self.grid[0]
        return self._gather(images.permute(0, 2, 3, 1), side)

    def leave(self, x: Tensor) -> Tensor:
        """Scatter x (N, V, p * p, C) to a map (N, C, H, W), zero elsewhere."""
        return self._scatter(x).permute(0, 3, 1, 2)

    def hide(self, x: Tensor) -> Tensor:
        """Return x as it is: no hidden site exists here."""
        return x

    def patch_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Apply a convolution whose stride is its kernel size.

        It never leaves a patch, so it is a linear layer on k x k groups.
        """
        batch, visible, sites, channels = x.shape
        k = conv.stride[0]
        p = math.isqrt(sites) // k
        # (N, V, p, k, p, k, C) -> (N, V, p * p, k * k * C)
        x = x.view(batch, visible, p, k, p, k, channels).transpose(3, 4)
        x = x.reshape(batch, visible, p * p, k * k * channels)
        weight = conv.weight.permute(0, 2, 3, 1).flatten(1)
        return F.linear(x, weight, conv.bias)

    def depthwise_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Convolve visible sites, by what is fastest where they are."""
        if triton_available.is_available(x):
            return triton_depthwise.triton_depthwise(
                x, conv.weight, conv.bias, self.neighbors
            )
        if x.device.type == 'cpu' and not torch.compiler.is_compiling():
            return halo_depthwise(x, conv.weight, conv.bias, self.neighbors)
        return self.plain_depthwise_conv(x, conv)

    def plain_depthwise_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Convolve on the grid of the image, where hidden sites are zero."""
        y = convolve(self._scatter(x), conv)
        return self._gather(y, math.isqrt(x.shape[2]))

    def _gather(self, x: Tensor, side: int) -> Tensor:
        """Take visible sites: (N, H, W, C) -> (N, V, side * side, C)."""
        index = self._site_indices(side)
        x = x.reshape(-1, x.shape[-1]).index_select(0, index.flatten())
        return x.view(*index.shape, -1)

    def _scatter(self, x: Tensor) -> Tensor:
        """Put visible sites back: (N, V, p * p, C) -> (N, H, W, C)."""
        batch, _, sites, channels = x.shape
        side = math.isqrt(sites)
        height, width = self.grid[0] * side, self.grid[1] * side
        out = x.new_zeros(batch * height * width, channels)
        index = self._site_indices(side).flatten()
        out = out.index_copy(0, index, x.reshape(-1, channels))
        return out.view(batch, height, width, channels)

    def _site_indices(self, side: int) -> Tensor:
        """Number visible sites in the flattened (N, H, W): (N, V, side²)."""
        if side not in self._sites:
            height, width = self.grid[0] * side, self.grid[1] * side
            arange = torch.arange(side, device=self.patches.device)
            inside = (arange[:, None] * width + arange).flatten()
            row = self.patches // self.grid[1] * side
            column = self.patches % self.grid[1] * side
            image = torch.arange(len(row), device=row.device) * height * width
            first = image[:, None] + row * width + column
            self._sites[side] = first[..., None] + inside
        return self._sites[side]
