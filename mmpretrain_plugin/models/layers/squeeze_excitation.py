"""Ablation: squeeze-and-excitation in the place of GRN (section 4)."""

from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layouts import DenseLayout, PackedLayout
from .visible_mean import visible_mean


@MODELS.register_module()
class SqueezeExcitation(nn.Module):
    """Weight the channels of an image by a function of their averages.

    ``out = h * sigmoid(W2 relu(W1 mean(h) + b1) + b2)``, with the average over
    the visible positions of the image (Hu et al., Squeeze-and-excitation
    networks, section 3).

    Args:
        channels: Number of channels K.
        reduction: Ratio of K to the width between the two linear layers.

    Raises:
        ValueError: If ``reduction`` exceeds ``channels``.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.mlp = reduction_mlp(channels, reduction)

    def forward(self, h: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Weight the channels.

        Args:
            h: Features of a layout, (N, ..., K), absent or zero at hidden
                positions.
            layout: The layout of h.

        Returns:
            Tensor of the same shape and type.
        """
        mean = visible_mean(h, layout, tuple(range(1, h.dim() - 1)))
        weights = self.mlp(mean.to(h.dtype)).sigmoid()
        return h * weights.to(h.dtype)


def reduction_mlp(channels: int, reduction: int) -> nn.Sequential:
    """Return the two linear layers that compute weights of channels.

    Args:
        channels: Number of channels.
        reduction: Ratio of it to the width between the layers.

    Raises:
        ValueError: If ``reduction`` exceeds ``channels``.
    """
    if not 1 <= reduction <= channels:
        raise ValueError(
            f'reduction must be in [1, {channels}] for {channels} channels, '
            f'got {reduction}'
        )
    width = channels // reduction
    return nn.Sequential(
        nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, channels)
    )
