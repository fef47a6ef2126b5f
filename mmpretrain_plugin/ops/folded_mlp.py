"""The MLP of a block with GRN folded into its weights, and recomputed.

Its meaning is the plain path of ``ConvNeXtV2Block``: LayerNorm, linear, GELU,
GRN, linear, layer scale. Autograd would keep some twelve tensors of width C
for every site until backward. This keeps the input, of width C, and the norms
of GRN, a number per image and channel, and computes the rest again; or keeps
the expanded sites too, of width K = 4 C, and saves one product in seven.

GRN multiplies channel k of an image by ``s_k = 1 + gamma_k * n_k`` and adds
``beta_k``. Both are linear, so they fold into the second linear layer::

    y = W2 (s * h + beta) + b2 = (W2 diag(s)) h + (W2 beta + b2)

With more sites T than channels C the folded weights (C, 4 C) of an image are
smaller than its responses h (T, 4 C), and nothing of that size is written.

Torch's operations are the meaning of what is between the products. On GPUs,
where each of them is a pass over memory, Triton does them in fewer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import triton_layer_norm, triton_responses
from .precision import compute_dtype, no_autocast
from .triton_available import is_available

gelu_backward = torch.ops.aten.gelu_backward


def folded_mlp(
    x: Tensor,
    norm: tuple[Tensor, Tensor, float],
    expand: tuple[Tensor, Tensor],
    grn: tuple[Tensor, Tensor, float] | None,
    project: tuple[Tensor, Tensor],
    scale: Tensor | None = None,
    recompute: bool = True,
) -> Tensor:
    """Normalize, expand, respond, project.

    Under autocast the matrix products run in its type; LayerNorm and the sums
    of GRN run in fp32 at least.

    Args:
        x: Sites of each image, channels last, (N, ..., C); all of them count
            for GRN.
        norm: Weight (C), bias (C) and epsilon of LayerNorm.
        expand: Weight (K, C) and bias (K) of the first linear layer.
        grn: Gamma (K), beta (K) and epsilon of GRN; None for V1.
        project: Weight (C, K) and bias (C) of the second linear layer.
        scale: Layer scale (C), or None.
        recompute: Whether to compute the expanded sites (N, ..., K) again in
            backward, or to keep them until then.

    Returns:
        Tensor of the shape of x.
    """
    dtype = compute_dtype(x)
    gamma, beta, eps = grn or (None, None, 0.0)
    arguments = (
        x.reshape(x.shape[0], -1, x.shape[-1]),
        *norm[:2], *expand, gamma, beta, *project, scale,
    )  # fmt: skip
    with no_autocast(x):
        # A tracer records no custom function: it gets the operations.
        if torch.is_grad_enabled() and not torch.jit.is_tracing():
            y = FoldedMLP.apply(*arguments, norm[2], eps, dtype, recompute)
        else:
            y, *_ = compute(*arguments, norm[2], eps, dtype)
    return y.view(x.shape)


def normalize(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    """Apply LayerNorm: what forward and backward both do.

    Returns:
        The normalized sites (N, T, C), and their means and inverse
        standard deviations.
    """
    if is_available(x):
        return triton_layer_norm.layer_norm(x, weight, bias, eps, dtype)
    z, mean, rstd = torch.native_layer_norm(
        x.to(weight.dtype), x.shape[-1:], weight, bias, eps
    )
    return z.to(dtype), mean, rstd


def normalize_backward(
    d_z: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor,
    bias: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, weight and bias."""
    if is_available(x):
        return triton_layer_norm.layer_norm_backward(
            d_z, x, mean, rstd, weight
        )
    return torch.ops.aten.native_layer_norm_backward(
        d_z.to(weight.dtype), x.to(weight.dtype), x.shape[-1:], mean,
        rstd, weight, bias, [True, True, True],
    )  # fmt: skip


def respond(
    a: Tensor, in_place: bool, has_norms: bool
) -> tuple[Tensor, Tensor | None]:
    """Apply GELU to the expanded sites, and take the norms of GRN.

    Args:
        a: Expanded sites (N, T, K).
        in_place: Whether to write over them.
        has_norms: Whether there is a GRN.

    Returns:
        The responses (N, T, K), and their norms (N, K) or None.
    """
    if has_norms and is_available(a):
        return triton_responses.gelu_norms(a, in_place)
    h = torch.ops.aten.gelu_(a) if in_place else F.gelu(a)
    if not has_norms:
        return h, None
    # Over 256² sites the squares of ordinary responses leave fp16's range.
    wide = torch.promote_types(a.dtype, torch.float32)
    return h, torch.linalg.vector_norm(h, dim=1, dtype=wide)


def respond_backward(
    d_h: Tensor, a: Tensor, h: Tensor, ratio: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Go back through norms and GELU, writing over d_h.

    Args:
        d_h: Gradient of the responses without what comes through their norms,
            (N, T, K).
        a: Expanded sites (N, T, K).
        h: Responses (N, T, K).
        ratio: Gradient of the norms divided by them, (N, K), or None.

    Returns:
        The gradients of a and, summed over all sites, of its bias (K).
    """
    if is_available(a):
        return triton_responses.gelu_norms_backward(d_h, a, ratio)
    wide = torch.promote_types(a.dtype, torch.float32)
    if ratio is not None:
        # The ratio can be large where h is small: the sum needs fp32.
        d_h = d_h.to(wide).addcmul_(h.to(wide), ratio[:, None]).to(a.dtype)
    if torch.compiler.is_compiling():
        d_a = gelu_backward(d_h, a)
    else:
        d_a = gelu_backward.grad_input(d_h, a, grad_input=d_h)
    return d_a, d_a.sum(dim=(0, 1), dtype=wide)


def factors(
    norms: Tensor, gamma: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn the norms g (N, K) into GRN's factors s, n = g / m, and m."""
    mean = norms.mean(dim=-1, keepdim=True) + eps
    normalized = norms / mean
    return 1 + gamma * normalized, normalized, mean


def fold(weight: Tensor, s: Tensor, dtype: torch.dtype) -> Tensor:
    """Multiply the columns of W2 (C, K) by s (N, K): (N, C, K)."""
    return (weight * s[:, None]).to(dtype)


def compute(
    x: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    w1: Tensor,
    b1: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    w2: Tensor,
    b2: Tensor,
    scale: Tensor | None,
    norm_eps: float,
    eps: float,
    dtype: torch.dtype,
    recompute: bool = True,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Compute the output, and what backward needs.

    Returns:
        The output (N, T, C), the norms of GRN (N, K), and the expanded sites
        (N, T, K) unless they are recomputed.
    """
    z, _, _ = normalize(x, norm_weight, norm_bias, norm_eps, dtype)
    a = F.linear(z, w1.to(dtype), b1.to(dtype))
    # New memory is what costs most on a CPU: write over what is not kept.
    is_ours = not (torch.is_grad_enabled() or torch.jit.is_tracing())
    h, norms = respond(a, is_ours and recompute, gamma is not None)
    kept = None if recompute else a
    if scale is not None:
        w2, b2 = scale[:, None] * w2, scale * b2
    if gamma is None:
        return F.linear(h, w2.to(dtype), b2.to(dtype)), None, kept
    s, _, _ = factors(norms, gamma, eps)
    bias = (w2 @ beta + b2).to(dtype)
    if x.shape[1] > x.shape[2]:
        weights = fold(w2, s, dtype).transpose(1, 2)
        y = torch.baddbmm(bias.expand(x.shape[0], 1, -1), h, weights)
    else:
        factor = s[:, None].to(dtype)
        h = h.mul_(factor) if is_ours else h * factor
        y = F.linear(h, w2.to(dtype), bias)
    return y, norms, kept


class FoldedMLP(torch.autograd.Function):
    """``compute``, and its gradient from the input and the norms alone."""

    @staticmethod
    def forward(ctx: object, *arguments: object) -> Tensor:
        """Compute, and keep what is narrow."""
        y, norms, kept = compute(*arguments)
        ctx.save_for_backward(*arguments[:10], norms, kept)
        ctx.constants = arguments[10:13]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Compute again, and differentiate.

        With G the gradient of y and P = G^T h of each image: dW2 is the sum of
        P diag(s) over images, plus (sum G) beta^T; ds the column sums of
        P * W2; and with dn = ds * gamma and m the mean of the norms plus eps,
        dg = dn / m - (dn . g) / (K m^2), dh = G W2 diag(s) + h * dg / g.
        """
        with no_autocast(grad):
            return differentiate(ctx.saved_tensors, *ctx.constants, grad)


def differentiate(
    saved: tuple[Tensor | None, ...],
    norm_eps: float,
    eps: float,
    dtype: torch.dtype,
    grad: Tensor,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of all arguments of ``compute``."""
    x, norm_weight, norm_bias, w1, b1, gamma, beta, w2, b2, scale = saved[:10]
    norms, a = saved[10:]
    wide = torch.promote_types(dtype, torch.float32)
    z, *statistics = normalize(x, norm_weight, norm_bias, norm_eps, dtype)
    if a is None:
        a = F.linear(z, w1.to(dtype), b1.to(dtype))
    h = F.gelu(a)
    scaled_w2 = w2 if scale is None else scale[:, None] * w2
    d_b2 = grad.sum(dim=(0, 1), dtype=wide)
    d_gamma = d_beta = d_scale = ratio = None
    if gamma is None:
        d_w2 = rows(grad).t() @ rows(h)
        d_h = grad @ scaled_w2.to(dtype)
    else:
        s, normalized, mean = factors(norms, gamma, eps)
        if x.shape[1] > x.shape[2]:
            products = (grad.transpose(1, 2) @ h).to(wide)
            d_s = (products * scaled_w2).sum(dim=1)
            d_w2 = products.mul_(s[:, None]).sum(dim=0)
            d_h = grad @ fold(scaled_w2, s, dtype)
        else:
            factor = s[:, None].to(dtype)
            d_w2 = rows(grad).t() @ rows(h * factor)
            d_h = grad @ scaled_w2.to(dtype)
            d_s = (d_h * h).sum(dim=1, dtype=wide)
            d_h.mul_(factor)
        d_w2 = d_w2.to(wide) + torch.outer(d_b2, beta)
        d_beta = d_b2 @ scaled_w2
        d_gamma = (d_s * normalized).sum(dim=0)
        d_n = d_s * gamma
        along = (d_n * norms).sum(dim=-1, keepdim=True) / gamma.numel()
        d_norms = d_n / mean - along / mean**2
        # A channel without any response has no slope; 0/0 counts as 0.
        ratio = torch.where(norms > 0, d_norms / norms, 0)
    if scale is not None:
        d_w2 = d_w2.to(wide)
        d_scale = (d_w2 * w2).sum(dim=1) + d_b2 * b2
        d_w2, d_b2 = scale[:, None] * d_w2, scale * d_b2
    d_a, d_b1 = respond_backward(d_h, a, h, ratio)
    del d_h, h
    d_w1 = rows(d_a).t() @ rows(z)
    d_x, d_norm_weight, d_norm_bias = normalize_backward(
        d_a @ w1.to(dtype), x, *statistics, norm_weight, norm_bias
    )
    gradients = (
        d_x, d_norm_weight, d_norm_bias, d_w1, d_b1, d_gamma, d_beta,
        d_w2, d_b2, d_scale,
    )  # fmt: skip
    return (
        *(
            None if gradient is None else gradient.to(argument.dtype)
            for gradient, argument in zip(gradients, saved)
        ),
        *[None] * 4,
    )


def rows(x: Tensor) -> Tensor:
    """Count the sites of all images through: (N, T, K) to (N T, K)."""
    return x.flatten(0, 1)
