"""Packed layout: only the positions of visible patches exist.

Every layer of a ConvNeXt except the depthwise convolution acts on one position
or inside one patch, so hidden patches need not be stored. Shapes depend only
on the number of visible patches, never on where they are.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops import VisiblePatches, packed_depthwise_conv
from ..masking import visible_indices
from ..unmodified import is_unmodified


class PackedLayout:
    """Positions of visible patches, ``(N, V, p * p, C)``.

    V is the number of visible patches, in raster order, and p the number of
    positions per side of a patch at the current stage; positions are in (row,
    column) order.

    Args:
        mask: Mask of patches (N, h, w), True = hidden, the same number in
            every image. Counting waits for the device that holds it: pass it
            on the CPU.
        device: Device of the features.

    Raises:
        ValueError: If the images hide different numbers of patches.
    """

    # Hidden positions do not exist.
    has_hidden_positions = False

    def __init__(self, mask: Tensor, device: torch.device) -> None:
        indices = visible_indices(mask).to(device, non_blocking=True)
        self.patches = VisiblePatches(indices, tuple(mask.shape[1:]))

    def enter(self, images: Tensor) -> Tensor:
        """Gather images (N, C, H, W) as visible pixels (N, V, P * P, C)."""
        return self.patches.gather(images.permute(0, 2, 3, 1))

    def leave(self, x: Tensor) -> Tensor:
        """Scatter x (N, V, p * p, C) to a map (N, C, H, W), zero elsewhere."""
        return self.patches.scatter(x).permute(0, 3, 1, 2)

    def hide(self, x: Tensor, value: float = 0.0) -> Tensor:
        """Return x unchanged: hidden positions do not exist."""
        return x

    def patch_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Apply a convolution whose stride is its kernel size.

        It never leaves a patch, so it is a linear layer on k x k groups.
        """
        batch, visible, positions, channels = x.shape
        if not is_unmodified(conv, nn.Conv2d):
            side = math.isqrt(positions)
            y = conv(x.reshape(-1, side, side, channels).permute(0, 3, 1, 2))
            return y.permute(0, 2, 3, 1).reshape(
                batch, visible, -1, y.shape[1]
            )
        k = conv.stride[0]
        p = math.isqrt(positions) // k
        # (N, V, p, k, p, k, C) -> (N, V, p * p, k * k * C)
        x = x.view(batch, visible, p, k, p, k, channels).transpose(3, 4)
        x = x.reshape(batch, visible, p * p, k * k * channels)
        weight = conv.weight.permute(0, 2, 3, 1).flatten(1)
        return F.linear(x, weight, conv.bias)

    def depthwise_conv(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Convolve visible positions; hidden ones read as zero."""
        if not is_unmodified(conv, nn.Conv2d):
            y = conv(self.patches.scatter(x).permute(0, 3, 1, 2))
            return self.patches.gather(y.permute(0, 2, 3, 1))
        return packed_depthwise_conv(x, conv.weight, conv.bias, self.patches)
