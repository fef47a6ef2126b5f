"""Ablation: local response normalization in the place of GRN (section 4)."""

import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layouts import DenseLayout, PackedLayout


@MODELS.register_module()
class LocalResponseNorm(nn.Module):
    """Divide each channel by the energy of its neighbors at the position.

    ``out_k = h_k / (k + alpha * sum_j h_j^2)^beta`` over the channels j at
    most ``size // 2`` away from channel k (Krizhevsky et al., ImageNet
    classification with deep convolutional neural networks, section 3.3, which
    has the default values). Every position is normalized by itself, so hidden
    ones have no influence. There are no parameters.

    Args:
        channels: Number of channels; not used.
        size: Channels in a sum.
        alpha: Factor of the sum. PyTorch's ``LocalResponseNorm`` has it
            ``size`` times larger.
        beta: Exponent.
        k: Constant that is added.
    """

    def __init__(
        self,
        channels: int,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
    ) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, h: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Normalize the activations.

        Args:
            h: Features of a layout, (N, ..., K).
            layout: The layout of h; not used.

        Returns:
            Tensor of the same shape and type.
        """
        # Squares of ordinary activations exceed the range of fp16.
        x = h.to(torch.promote_types(h.dtype, torch.float32))
        # (N, ..., K) -> (positions, K, 1): PyTorch has channels second
        x = F.local_response_norm(
            x.flatten(0, -2).unsqueeze(-1),
            self.size,
            self.size * self.alpha,
            self.beta,
            self.k,
        )
        return x.view(h.shape).to(h.dtype)
