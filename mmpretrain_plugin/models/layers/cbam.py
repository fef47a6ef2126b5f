"""Ablation: CBAM in the place of GRN (section 4)."""

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layouts import DenseLayout, PackedLayout
from .squeeze_excitation import reduction_mlp
from .visible_mean import visible_mean


@MODELS.register_module()
class CBAM(nn.Module):
    """Weight the channels of an image, then its positions.

    Woo et al., CBAM: Convolutional block attention module, section 3::

        x = h * sigmoid(mlp(mean of h over positions) + mlp(maximum))
        out = x * sigmoid(conv7x7([mean of x over channels, maximum]))

    Average and maximum over positions include visible ones only. The
    convolution runs in the layout, so that it reads hidden positions as zero,
    as the block's own does.

    Args:
        channels: Number of channels K.
        reduction: Ratio of K to the width between the linear layers.

    Raises:
        ValueError: If ``reduction`` exceeds ``channels``.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.mlp = reduction_mlp(channels, reduction)
        # Layouts have depthwise convolutions: a convolution from two channels
        # to one is that of each channel, and a sum.
        self.spatial_conv = nn.Conv2d(2, 2, kernel_size=7, padding=3, groups=2)

    def forward(self, h: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Weight channels and positions.

        Args:
            h: Features of a layout, (N, ..., K), absent or zero at hidden
                positions.
            layout: The layout of h.

        Returns:
            Tensor of the same shape and type.
        """
        x = h * self._channel_weights(h, layout).to(h.dtype)
        pooled = [x.mean(-1, keepdim=True), x.amax(-1, keepdim=True)]
        gate = layout.depthwise_conv(torch.cat(pooled, -1), self.spatial_conv)
        return x * gate.sum(-1, keepdim=True).sigmoid().to(h.dtype)

    def _channel_weights(
        self, h: Tensor, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        """Return the weight of each channel of an image, (N, 1, ..., K)."""
        axes = tuple(range(1, h.dim() - 1))
        highest = layout.hide(h, -torch.inf).amax(axes, keepdim=True)
        # An image without a visible position has no maximum.
        highest = highest.masked_fill(highest == -torch.inf, 0)
        mean = visible_mean(h, layout, axes).to(h.dtype)
        return (self.mlp(mean) + self.mlp(highest)).sigmoid()
