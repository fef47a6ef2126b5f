"""MLP of a block with GRN folded into its weights, in less memory.

It equals the plain path of ``ConvNeXtV2Block``: LayerNorm, linear, GELU, GRN,
linear, layer scale. There autograd saves about twelve tensors of the input's
size for backward. This function saves the input (N, T, C) and the norms of
GRN (N, K), K = 4 C, and recomputes the rest in backward; with
``recompute=False`` it also saves the expanded features (N, T, K), which avoids
one matrix product in seven.

GRN multiplies channel k of an image by ``s_k = 1 + gamma_k * n_k`` and adds
``beta_k``. Both are linear, so they fold into the second linear layer::

    y = W2 (s * h + beta) + b2 = (W2 diag(s)) h + (W2 beta + b2)

With more positions T than channels C, the folded weights (C, 4 C) of an image
are smaller than its activations h (T, 4 C), and nothing of that size is
written.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .autocast import compute_dtype, no_autocast
from .gelu_norms import gelu_norms_backward, gelu_norms_forward
from .layer_norm import layer_norm_backward, layer_norm_forward


class MLPWeights(NamedTuple):
    """Parameters of a block's MLP, or their gradients.

    C is the width of the block and K that of the expanded features.
    """

    norm_weight: Tensor  # of LayerNorm, (C)
    norm_bias: Tensor  # (C)
    expand_weight: Tensor  # of the first linear layer, (K, C)
    expand_bias: Tensor  # (K)
    gamma: Tensor | None  # of GRN, (K); None without GRN (V1)
    beta: Tensor | None  # (K); None without GRN
    project_weight: Tensor  # of the second linear layer, (C, K)
    project_bias: Tensor  # (C)
    scale: Tensor | None  # layer scale, (C), or None

    @property
    def scaled_projection(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the second linear layer times layer scale."""
        if self.scale is None:
            return self.project_weight, self.project_bias
        return (
            self.scale[:, None] * self.project_weight,
            self.scale * self.project_bias,
        )


class MLPSettings(NamedTuple):
    """What :func:`folded_mlp` needs besides tensors."""

    norm_eps: float  # epsilon of LayerNorm
    grn_eps: float  # epsilon of GRN
    dtype: torch.dtype  # of the matrix products
    recompute: bool  # the expanded features in backward


def folded_mlp(
    x: Tensor,
    weights: MLPWeights,
    norm_eps: float = 1e-6,
    grn_eps: float = 1e-6,
    recompute: bool = True,
) -> Tensor:
    """Apply LayerNorm, linear, GELU, GRN, linear and layer scale.

    Under autocast the matrix products run in its type; LayerNorm and the sums
    of GRN run in fp32 or wider.

    Args:
        x: Positions of each image, channels last, (N, ..., C); all of them
            enter the norms of GRN.
        weights: Parameters.
        norm_eps: Epsilon of LayerNorm.
        grn_eps: Epsilon of GRN.
        recompute: Whether to recompute the expanded features (N, ..., K) in
            backward, or to save them for it.

    Returns:
        Tensor of the shape of x.
    """
    settings = MLPSettings(norm_eps, grn_eps, compute_dtype(x), recompute)
    features = x.reshape(x.shape[0], -1, x.shape[-1])
    with no_autocast(x):
        if torch.is_grad_enabled():
            y = FoldedMLP.apply(features, settings, *weights)
        else:
            y = _forward(features, weights, settings).y
    return y.view(x.shape)


class FoldedMLP(torch.autograd.Function):
    """The folded MLP with a gradient that recomputes activations."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        settings: MLPSettings,
        *weights: Tensor | None,
    ) -> Tensor:
        """Compute, and save the narrow tensors for backward."""
        result = _forward(x, MLPWeights(*weights), settings)
        ctx.save_for_backward(x, result.norms, result.expanded, *weights)
        ctx.settings = settings
        return result.y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Recompute, and return the gradients of all arguments."""
        x, norms, expanded, *weights = ctx.saved_tensors
        weights = MLPWeights(*weights)
        with no_autocast(grad):
            d_x, gradients = _backward(
                grad, x, norms, expanded, weights, ctx.settings
            )
        gradients = (
            None if gradient is None else gradient.to(weight.dtype)
            for gradient, weight in zip(gradients, weights)
        )
        return d_x.to(x.dtype), None, *gradients


class _Result(NamedTuple):
    """What forward computes: the output, and what backward needs."""

    y: Tensor  # (N, T, C)
    norms: Tensor | None  # of GRN, (N, K)
    expanded: Tensor | None  # features before GELU, (N, T, K), if saved


def _forward(x: Tensor, weights: MLPWeights, settings: MLPSettings) -> _Result:
    """Compute the output for features x (N, T, C)."""
    dtype, has_grn = settings.dtype, weights.gamma is not None
    z, _, _ = layer_norm_forward(
        x, weights.norm_weight, weights.norm_bias, settings.norm_eps, dtype
    )
    a = _linear(z, weights.expand_weight, weights.expand_bias)
    # Allocating memory costs most on a CPU: overwrite what is not saved.
    can_overwrite = not torch.is_grad_enabled()
    h, norms = gelu_norms_forward(
        a, in_place=can_overwrite and settings.recompute, has_norms=has_grn
    )
    expanded = None if settings.recompute else a
    w2, b2 = weights.scaled_projection
    if not has_grn:
        return _Result(_linear(h, w2, b2), None, expanded)
    s = _grn_factors(norms, weights.gamma, settings.grn_eps).s
    bias = w2 @ weights.beta + b2
    if _folds(x):
        folded = _fold(w2, s, dtype).transpose(1, 2)
        bias = bias.to(dtype).expand(x.shape[0], 1, -1)
        y = torch.baddbmm(bias, h, folded)
    else:
        factor = s[:, None].to(dtype)
        h = h.mul_(factor) if can_overwrite else h * factor
        y = _linear(h, w2, bias)
    return _Result(y, norms, expanded)


def _backward(
    grad: Tensor,
    x: Tensor,
    norms: Tensor | None,
    expanded: Tensor | None,
    weights: MLPWeights,
    settings: MLPSettings,
) -> tuple[Tensor, MLPWeights]:
    """Return the gradients of x and of the weights.

    With G the gradient of y and P = G^T h of each image: dW2 is the sum of
    P diag(s) over images, plus (sum G) beta^T; ds the column sums of P * W2;
    and with dn = ds * gamma and m the mean of the norms plus eps,
    dg = dn / m - (dn . g) / (K m^2), dh = G W2 diag(s) + h * dg / g.
    """
    dtype = settings.dtype
    wide = torch.promote_types(dtype, torch.float32)
    z, mean, rstd = layer_norm_forward(
        x, weights.norm_weight, weights.norm_bias, settings.norm_eps, dtype
    )
    a = expanded
    if a is None:
        a = _linear(z, weights.expand_weight, weights.expand_bias)
    h = F.gelu(a)
    w2, _ = weights.scaled_projection
    d_b2 = grad.sum(dim=(0, 1), dtype=wide)
    d_gamma = d_beta = d_scale = ratio = None
    if weights.gamma is None:
        d_w2 = _merge(grad).t() @ _merge(h)
        d_h = grad @ w2.to(dtype)
    else:
        grn = _grn_factors(norms, weights.gamma, settings.grn_eps)
        if _folds(x):
            products = (grad.transpose(1, 2) @ h).to(wide)
            d_s = (products * w2).sum(dim=1)
            d_w2 = products.mul_(grn.s[:, None]).sum(dim=0)
            d_h = grad @ _fold(w2, grn.s, dtype)
        else:
            factor = grn.s[:, None].to(dtype)
            d_w2 = _merge(grad).t() @ _merge(h * factor)
            d_h = grad @ w2.to(dtype)
            d_s = (d_h * h).sum(dim=1, dtype=wide)
            d_h.mul_(factor)
        d_w2 = d_w2.to(wide) + torch.outer(d_b2, weights.beta)
        d_beta = d_b2 @ w2.to(wide)
        d_gamma = (d_s * grn.n).sum(dim=0)
        d_n = d_s * weights.gamma
        along = (d_n * norms).sum(dim=-1, keepdim=True) / d_gamma.numel()
        d_norms = d_n / grn.m - along / grn.m**2
        # The norm of an all-zero channel has no gradient: 0/0 counts as 0.
        ratio = torch.where(norms > 0, d_norms / norms, 0)
    if weights.scale is not None:
        d_w2 = d_w2.to(wide)
        d_scale = (d_w2 * weights.project_weight).sum(dim=1)
        d_scale = d_scale + d_b2 * weights.project_bias
        d_w2, d_b2 = weights.scale[:, None] * d_w2, weights.scale * d_b2
    d_a, d_b1 = gelu_norms_backward(d_h, a, h, ratio)
    del d_h, h
    d_w1 = _merge(d_a).t() @ _merge(z)
    d_x, d_norm_weight, d_norm_bias = layer_norm_backward(
        d_a @ weights.expand_weight.to(dtype), x, mean, rstd,
        weights.norm_weight, weights.norm_bias,
    )  # fmt: skip
    return d_x, MLPWeights(
        norm_weight=d_norm_weight,
        norm_bias=d_norm_bias,
        expand_weight=d_w1,
        expand_bias=d_b1,
        gamma=d_gamma,
        beta=d_beta,
        project_weight=d_w2,
        project_bias=d_b2,
        scale=d_scale,
    )


class _GRNFactors(NamedTuple):
    """GRN of given norms: factors s = 1 + gamma n, n = g / m, and m."""

    s: Tensor  # (N, K)
    n: Tensor  # (N, K)
    m: Tensor  # (N, 1)


def _grn_factors(norms: Tensor, gamma: Tensor, eps: float) -> _GRNFactors:
    """Compute the factors of GRN from the norms g (N, K)."""
    m = norms.mean(dim=-1, keepdim=True) + eps
    n = norms / m
    return _GRNFactors(1 + gamma * n, n, m)


def _folds(x: Tensor) -> bool:
    """Return whether folded weights are smaller than the activations."""
    return x.shape[1] > x.shape[2]


def _fold(weight: Tensor, s: Tensor, dtype: torch.dtype) -> Tensor:
    """Multiply the columns of W2 (C, K) by s (N, K): (N, C, K)."""
    return (weight * s[:, None]).to(dtype)


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a linear layer in the type of x."""
    return F.linear(x, weight.to(x.dtype), bias.to(x.dtype))


def _merge(x: Tensor) -> Tensor:
    """Merge the positions of all images: (N, T, K) to (N T, K)."""
    return x.flatten(0, 1)
