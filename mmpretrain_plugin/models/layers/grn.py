"""Global Response Normalization."""

import torch
from torch import Tensor, nn


class GRN(nn.Module):
    """Global Response Normalization (paper, section 4, equations 1 to 3).

    For each image and channel k, with ``g_k`` the L2 norm of the channel over
    the positions of the image: ``n_k = g_k / (mean_k g_k + eps)`` and
    ``out = gamma * h * n + beta + h``. The output of an image does not depend
    on the other images of the batch. Under a mask, hidden positions must be
    absent or zero in the input, so that they do not enter the norm.

    Gamma and beta are one-dimensional, like those of MMPretrain's GRN, so that
    every rule "no weight decay on 1-D parameters" covers them.

    Args:
        channels: Number of channels K.
        eps: Added to the mean of the norms.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, h: Tensor) -> Tensor:
        """Normalize the activations.

        Args:
            h: Positions of each image, channels last, (N, ..., K).

        Returns:
            Tensor of the same shape and type.
        """
        # Sums run in fp32 or wider: over 256² positions the squares of
        # ordinary activations exceed the range of fp16 (ConvNeXt-V2 issue 66).
        dtype = torch.promote_types(h.dtype, torch.float32)
        axes = tuple(range(1, h.dim() - 1))
        g = torch.linalg.vector_norm(h, dim=axes, keepdim=True, dtype=dtype)
        n = g / (g.mean(dim=-1, keepdim=True) + self.eps)
        # gamma * h * n + h, as one factor per image and channel
        scale = (1 + self.gamma * n).to(h.dtype)
        return h * scale + self.beta.to(h.dtype)
