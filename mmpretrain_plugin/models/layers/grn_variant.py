"""Ablations of Global Response Normalization (Tables 2 and 16)."""

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

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
            norm, 'average', or None for no aggregation. In the average, a
            position whose activations are all exactly zero counts as hidden.
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

    def forward(self, h: Tensor) -> Tensor:
        """Normalize the activations.

        Args:
            h: Positions of each image, channels last, (N, ..., K).

        Returns:
            Tensor of the same shape and type.
        """
        x = h.to(torch.promote_types(h.dtype, torch.float32))
        out = x
        if self.aggregation or self.normalization:
            out = x * self._normalize(self._aggregate(x))
        if self.gamma is not None:
            out = self.gamma * out + self.beta
        if self.residual:
            out = out + x
        return out.to(h.dtype)

    def _aggregate(self, x: Tensor) -> Tensor:
        axes = tuple(range(1, x.dim() - 1))
        if self.aggregation is None:
            return x
        if self.aggregation == 'average':
            # The dense layout sets hidden positions to zero.
            visible = (x != 0).any(-1, keepdim=True).sum(axes, keepdim=True)
            return x.sum(axes, keepdim=True) / visible.clamp(min=1)
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
