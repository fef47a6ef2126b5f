"""Ablation: BatchNorm in the place of GRN (section 4)."""

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layouts import DenseLayout, PackedLayout
from .visible_mean import visible_mean, visible_positions


@MODELS.register_module()
class VisibleBatchNorm(nn.Module):
    """Normalize each channel over the visible positions of the batch.

    That is what BatchNorm of a sparse tensor does: hidden positions enter no
    statistic. In training the output for an image depends on the other images
    of its batch; with several processes each uses its own images, as PyTorch's
    ``BatchNorm2d`` does.

    Args:
        channels: Number of channels K.
        eps: Added to the variance.
        momentum: Weight of a batch in the running mean and variance, which
            normalize in evaluation mode.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer('running_mean', torch.zeros(channels))
        self.register_buffer('running_var', torch.ones(channels))
        self.eps = eps
        self.momentum = momentum

    def forward(self, h: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Normalize the activations, and in training update the statistics.

        Args:
            h: Features of a layout, (N, ..., K), absent or zero at hidden
                positions.
            layout: The layout of h.

        Returns:
            Tensor of the same shape and type.
        """
        x = h.to(torch.promote_types(h.dtype, torch.float32))
        mean, var = self.running_mean, self.running_var
        if self.training:
            axes = tuple(range(x.dim() - 1))
            mean = visible_mean(x, layout, axes)
            var = visible_mean((x - mean).square(), layout, axes)
            self._update(mean, var, visible_positions(x, layout).sum())
        x = (x - mean) * (var + self.eps).rsqrt()
        return (self.weight * x + self.bias).to(h.dtype)

    @torch.no_grad()
    def _update(self, mean: Tensor, var: Tensor, count: Tensor) -> None:
        """Move the running statistics towards those of the batch."""
        # The running variance is unbiased, as PyTorch's.
        unbiased = var * (count / (count - 1).clamp(min=1))
        self.running_mean.lerp_(
            mean.view(-1).to(self.running_mean), self.momentum
        )
        self.running_var.lerp_(
            unbiased.view(-1).to(self.running_var), self.momentum
        )
