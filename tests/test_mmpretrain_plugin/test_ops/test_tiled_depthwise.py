"""The tiled depthwise convolution equals PyTorch's, gradients included."""

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.ops import depthwise_conv
from mmpretrain_plugin.ops.depthwise import (
    plain_depthwise_conv,
    window_products,
)
from mmpretrain_plugin.ops.depthwise.tiled import tiled_depthwise_conv

# Full tiles, parts of tiles, one tile, and less than the kernel's reach.
SIZES = [(16, 24), (13, 9), (8, 8), (7, 7), (2, 3), (1, 1), (1, 20)]


def case(size, channels=5, dtype=torch.double):
    """Input, kernel and bias; gradient of the output."""
    x, grad = torch.randn(2, 2, *size, channels, dtype=dtype)
    weight = torch.randn(channels, 1, 7, 7, dtype=dtype) / 7
    return (x, weight, torch.randn(channels, dtype=dtype)), grad


def run(function, inputs, grad):
    """Output, and the gradients of input, kernel and bias."""
    inputs = [value.clone().requires_grad_() for value in inputs]
    y = function(*inputs)
    return y.detach(), *torch.autograd.grad(y, inputs, grad.to(y.dtype))


def test_the_plain_convolution_equals_a_module():
    """With the arguments of a block's layer."""
    (x, weight, bias), _ = case((9, 5))
    conv = torch.nn.Conv2d(5, 5, kernel_size=7, padding=3, groups=5)
    conv.load_state_dict({'weight': weight, 'bias': bias})
    wanted = conv.double()(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert_close(plain_depthwise_conv(x, weight, bias), wanted)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('cached', [1, 3 * 49 * 5, 2**19])
def test_equals_the_plain_convolution(monkeypatch, size, cached):
    monkeypatch.setattr(window_products, 'CACHED', cached)
    arguments = case(size)
    wanted = run(plain_depthwise_conv, *arguments)
    for got, value in zip(run(tiled_depthwise_conv, *arguments), wanted):
        assert_close(got, value, rtol=1e-10, atol=1e-10)


def test_gradients_equal_finite_differences():
    inputs, _ = case((5, 6), channels=2)
    inputs = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(
        tiled_depthwise_conv, inputs, fast_mode=True
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_autocast_computes_in_its_type(dtype):
    arguments = case((16, 12), dtype=torch.float)
    wanted = run(plain_depthwise_conv, *arguments)
    with torch.autocast('cpu', dtype=dtype):
        got = run(depthwise_conv, *arguments)
    assert [value.dtype for value in got] == [dtype, *[torch.float] * 3]
    for one, other in zip(got, wanted):
        error = (one - other).norm() / other.norm()
        assert error < torch.finfo(dtype).eps


def test_only_eager_training_is_tiled():
    inputs = [value.requires_grad_() for value in case((8, 8))[0]]
    y = depthwise_conv(*inputs)
    assert type(y.grad_fn).__name__ == 'TiledDepthwiseConvBackward'
    with torch.no_grad():
        y = depthwise_conv(*inputs)
    assert torch.equal(y, plain_depthwise_conv(*inputs))
    traced = torch.jit.trace(depthwise_conv, tuple(inputs))
    kinds = [node.kind() for node in traced.inlined_graph.nodes()]
    assert 'prim::PythonOp' not in kinds
