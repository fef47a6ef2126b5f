"""Ablations of Global Response Normalization (Tables 2 and 16)."""

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

AGGREGATIONS = ('l2', 'l1', 'average', None)
NORMALIZATIONS = ('divisive', 'standardize', None)


@MODELS.register_module()
class GRNVariant(nn.Module):
    """GRN with parts exchanged or left out; the default arguments are GRN.

    With G the aggregation, N the normalization and X the responses,
    ``out = gamma * X * N(G(X)) + beta + X``. Table 16 writes (a) X, (b)
    X * G(X), (c) X * N(X) and (d) X * N(G(X)).

    Args:
        channels: Number of channels K.
        aggregation: What becomes of the sites of an image: their L2 or L1
            norm, their average, or None, which keeps every site. A site
            whose responses are all exactly zero counts as hidden in the
            average.
        normalization: What becomes of that over the channels: 'divisive' by
            their mean, 'standardize' to mean 0 and deviation 1, or None.
        affine: Whether gamma and beta exist. Gamma starts at 0, or at 1
            without the residual, where 0 would silence the branch.
        residual: Whether X is added.
        eps: Added to the mean or the deviation.

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
            start = 0.0 if residual else 1.0
            self.gamma = nn.Parameter(torch.full((channels,), start))
            self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, h: Tensor) -> Tensor:
        """Normalize the responses.

        Args:
            h: Sites of each image, channels last, (N, ..., K).

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
        sites = tuple(range(1, x.dim() - 1))
        if self.aggregation is None:
            return x
        if self.aggregation == 'average':
            # As the hidden sites of the dense layout are.
            visible = (x != 0).any(-1, keepdim=True).sum(sites, keepdim=True)
            return x.sum(sites, keepdim=True) / visible.clamp(min=1)
        order = 2 if self.aggregation == 'l2' else 1
        return torch.linalg.vector_norm(x, order, dim=sites, keepdim=True)

    def _normalize(self, g: Tensor) -> Tensor:
        if self.normalization is None:
            return g
        mean = g.mean(-1, keepdim=True)
        if self.normalization == 'divisive':
            return g / (mean + self.eps)
        deviation = g.std(-1, unbiased=False, keepdim=True)
        return (g - mean) / (deviation + self.eps)
