"""The tiled depthwise convolution is PyTorch's, and so are its gradients."""

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.models.layouts.dense import DenseLayout, convolve
from mmpretrain_plugin.ops import tiled_depthwise, window_products

# Whole tiles, parts of tiles, one tile, and less than the kernel's reach.
SIZES = [(16, 24), (13, 9), (8, 8), (7, 7), (2, 3), (1, 1), (1, 20)]


def run(function, conv, x, weight):
    conv.zero_grad()
    x = x.clone().requires_grad_()
    y = function(x, conv)
    (y * weight).sum().backward()
    return y.detach(), x.grad, conv.weight.grad, conv.bias.grad


def case(size, channels=5, dtype=torch.double):
    conv = torch.nn.Conv2d(
        channels, channels, kernel_size=7, padding=3, groups=channels
    )
    x, weight = torch.randn(2, 2, *size, channels, dtype=dtype)
    return conv.to(dtype), x, weight


def tiled(x, conv):
    return tiled_depthwise.tiled_depthwise(x, conv.weight, conv.bias)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('cached', [1, 3 * 49 * 5, 2**19])
def test_equals_the_library(monkeypatch, size, cached):
    monkeypatch.setattr(window_products, 'CACHED', cached)
    conv, x, weight = case(size)
    wanted = run(convolve, conv, x, weight)
    for got, value in zip(run(tiled, conv, x, weight), wanted):
        assert_close(got, value, rtol=1e-10, atol=1e-10)


def test_gradients_equal_finite_differences():
    conv, x, _ = case((5, 6), channels=2)
    inputs = [x.requires_grad_(), conv.weight, conv.bias]
    function = tiled_depthwise.tiled_depthwise
    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_autocast_computes_in_its_type(dtype):
    conv, x, weight = case((16, 12), dtype=torch.float)
    wanted = run(convolve, conv, x, weight)
    with torch.autocast('cpu', dtype=dtype):
        got = run(DenseLayout().depthwise_conv, conv, x, weight)
    assert [value.dtype for value in got] == [dtype, *[torch.float] * 3]
    for one, other in zip(got, wanted):
        error = (one - other).norm() / other.norm()
        assert error < torch.finfo(dtype).eps


def test_it_is_chosen_in_eager_training_alone():
    conv, x, _ = case((8, 8))
    y = DenseLayout().depthwise_conv(x, conv)
    assert 'TiledDepthwise' in type(
        y.grad_fn.next_functions[0][0]
    ).__name__ or ('TiledDepthwise' in type(y.grad_fn).__name__)
    with torch.no_grad():
        assert not tiled_depthwise.is_faster(x)
