"""Ablations of Global Response Normalization (Tables 2 and 16)."""

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layouts import DenseLayout, PackedLayout
from .visible_mean import visible_mean

AGGREGATIONS = ('l2', 'l1', 'average', None)
NORMALIZATIONS = ('divisive', 'standardize', None)


@MODELS.register_module()
class GRNVariant(nn.Module):
    """GRN with parts replaced or removed; the default arguments are GRN.

    With G the aggregation, N the normalization and X the activations,
    ``out = gamma * X * N(G(X)) + beta + X``. Table 16 writes (a) X, (b)
    X * G(X), (c) X * N(X) and (d) X * N(G(X)).

    Args:
        channels: Number of channels K.
        aggregation: Statistic over the positions of an image: 'l2' or 'l1'
            norm, 'average', or None for no aggregation. Hidden positions do
            not enter it.
        normalization: Normalization of the statistic over the channels:
            'divisive' by their mean, 'standardize' to mean 0 and standard
            deviation 1, or None.
        affine: Whether gamma and beta exist. Gamma is initialized to 0, or to
            1 without the residual, where 0 would make the branch zero.
        residual: Whether X is added.
        eps: Added to the mean or the standard deviation.

    Raises:
        ValueError: If aggregation or normalization is unknown.
    """

    def __init__(
        self,
        channels: int,
        aggregation: str | None = 'l2',
        normalization: str | None = 'divisive',
        affine: bool = True,
        residual: bool = True,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        for name, value, allowed in (
            ('aggregation', aggregation, AGGREGATIONS),
            ('normalization', normalization, NORMALIZATIONS),
        ):
            if value not in allowed:
                raise ValueError(f'{name} {value!r} is not one of {allowed}')
        self.aggregation = aggregation
        self.normalization = normalization
        self.residual = residual
        self.eps = eps
        self.gamma = self.beta = None
        if affine:
            initial = 0.0 if residual else 1.0
            self.gamma = nn.Parameter(torch.full((channels,), initial))
            self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, h: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Normalize the activations.

        Args:
            h: Features of a layout, (N, ..., K), absent or zero at hidden
                positions.
            layout: The layout of h.

        Returns:
            Tensor of the same shape and type.
        """
        x = h.to(torch.promote_types(h.dtype, torch.float32))
        out = x
        if self.aggregation or self.normalization:
            out = x * self._normalize(self._aggregate(x, layout))
        if self.gamma is not None:
            out = self.gamma * out + self.beta
        if self.residual:
            out = out + x
        return out.to(h.dtype)

    def _aggregate(
        self, x: Tensor, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        axes = tuple(range(1, x.dim() - 1))
        if self.aggregation is None:
            return x
        if self.aggregation == 'average':
            return visible_mean(x, layout, axes)
        order = 2 if self.aggregation == 'l2' else 1
        return torch.linalg.vector_norm(x, order, dim=axes, keepdim=True)

    def _normalize(self, g: Tensor) -> Tensor:
        if self.normalization is None:
            return g
        mean = g.mean(-1, keepdim=True)
        if self.normalization == 'divisive':
            return g / (mean + self.eps)
        std = g.std(-1, unbiased=False, keepdim=True)
        return (g - mean) / (std + self.eps)
