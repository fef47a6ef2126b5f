"""Adaptive average pooling by matrix products, for images of any size.

Exporters know the layer only for sizes that the output divides, or for one
fixed size. UperNet pools maps of any size to 1, 2, 3 and 6 positions.
"""

import torch
from torch import Tensor, nn


class MatrixAdaptiveAvgPool2d(nn.Module):
    """Equals ``nn.AdaptiveAvgPool2d``.

    Bin i of n bins over s positions is the mean of positions floor(i s / n) to
    ceil((i + 1) s / n) - 1, so that pooling multiplies rows and columns by a
    matrix.

    Args:
        output_size: Height and width of the output.
    """

    def __init__(self, output_size: tuple[int, int]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Pool a map (N, C, H, W) to (N, C, h, w)."""
        rows, columns = (
            bin_means(bins, size, x)
            for bins, size in zip(self.output_size, x.shape[-2:])
        )
        return rows @ x @ columns.transpose(0, 1)


def bin_means(bins: int, size: int, like: Tensor) -> Tensor:
    """Return the matrix (bins, size) of the means.

    Args:
        bins: Number of bins.
        size: Number of positions.
        like: A tensor of the type and on the device that the result gets.
    """
    i = torch.arange(bins, device=like.device)[:, None]
    position = torch.arange(size, device=like.device)
    start = i * size // bins
    end = ((i + 1) * size + bins - 1) // bins
    inside = (position >= start) & (position < end)
    return inside.to(like.dtype) / (end - start).to(like.dtype)


def replace_adaptive_pooling(model: nn.Module) -> None:
    """Put matrix products in the place of all adaptive average pooling."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool2d):
                size = child.output_size
                if isinstance(size, int):
                    size = (size, size)
                setattr(module, name, MatrixAdaptiveAvgPool2d(size))
