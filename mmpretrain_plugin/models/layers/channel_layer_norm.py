"""Ablation: LayerNorm in the place of GRN (section 4)."""

import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layouts import DenseLayout, PackedLayout


@MODELS.register_module()
class ChannelLayerNorm(nn.Module):
    """Normalize the channels of each position to mean 0 and variance 1.

    Every position is normalized by itself, so hidden ones have no influence.

    Args:
        channels: Number of channels K.
        eps: Added to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, h: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Normalize the activations.

        Args:
            h: Features of a layout, (N, ..., K).
            layout: The layout of h; not used.

        Returns:
            Tensor of the same shape and type.
        """
        shape = self.weight.shape
        y = F.layer_norm(h, shape, self.weight, self.bias, self.eps)
        return y.to(h.dtype)  # autocast returns fp32
