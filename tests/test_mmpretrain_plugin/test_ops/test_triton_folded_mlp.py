"""Triton kernels of the folded MLP equal PyTorch's operations.

Functions named ``check_*`` run in Triton's interpreter, in the process that
``test_triton_interpreter.py`` starts.
"""

import importlib
import sys

import pytest
import torch
from torch.testing import assert_close

import mmpretrain_plugin
from mmpretrain_plugin import ops
from mmpretrain_plugin.ops import (
    MLPWeights,
    folded_mlp,
    gelu_norms,
    layer_norm,
)
from mmpretrain_plugin.ops.layer_norm.comparison import compare_layer_norm
from mmpretrain_plugin.ops.triton_support import can_run_triton

# Positions and channels: both end inside a tile, and each axis has two tiles;
# folded weights, or scaled activations.
SIZES = {'folds': (67, 20), 'scales': (7, 18), 'tiny': (1, 5)}
HALF = [torch.float16, torch.bfloat16]


def case(size):
    """Arguments of a folded MLP by name, and a gradient of its output."""
    positions, channels = SIZES[size]
    wide = 4 * channels
    shapes = dict(
        x=(2, positions, channels),
        norm_weight=(channels,), norm_bias=(channels,),
        expand_weight=(wide, channels), expand_bias=(wide,),
        project_weight=(channels, wide), project_bias=(channels,),
        gamma=(wide,), beta=(wide,), scale=(channels,),
    )  # fmt: skip
    values = {name: torch.randn(shape) for name, shape in shapes.items()}
    return values, torch.randn(2, positions, channels)


def mlp(v, version='v2', recompute=True):
    unused = ['scale'] if version == 'v2' else ['gamma', 'beta']
    weights = {**v, **dict.fromkeys(unused)}
    x = weights.pop('x')
    return folded_mlp(x, MLPWeights(**weights), recompute=recompute)


def run(values, weight, version='v2', recompute=True, dtype=None):
    """Output and gradients by name, under autocast to dtype if any."""
    v = {k: value.detach().requires_grad_() for k, value in values.items()}
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        y = mlp(v, version, recompute)
    y.backward(weight.to(y.dtype))
    gradients = {k: x.grad for k, x in v.items() if x.grad is not None}
    assert len(gradients) == (9 if version == 'v2' else 8)
    return {'y': y.detach(), **gradients}


def double(values):
    return {name: value.double() for name, value in values.items()}


def error(got, wanted):
    wanted = wanted.double()
    return (got.double() - wanted).norm() / wanted.norm()


@pytest.fixture
def without_triton(monkeypatch):
    """Return a function that calls another with PyTorch's operations."""

    def call(function, *arguments):
        with monkeypatch.context() as patch:
            for operator in (gelu_norms, layer_norm):
                patch.setattr(
                    operator.dispatch, 'can_run_triton', lambda *_: False
                )
            return function(*arguments)

    return call


@pytest.fixture
def _rounds_to_nearest(monkeypatch):
    """Triton's interpreter truncates fp32 to bf16; GPUs round it."""
    import numpy as np
    import triton.language as tl
    from triton.runtime import interpreter

    convert = interpreter._convert_float

    def rounded(data, source, target, mode):
        if target != tl.bfloat16:
            return convert(data, source, target, mode)
        bits = torch.from_numpy(data).to(torch.bfloat16).view(torch.int16)
        return bits.numpy().view(np.uint16)

    monkeypatch.setattr(interpreter, '_convert_float', rounded)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('version', ['v2', 'v1'])
@pytest.mark.parametrize('recompute', [True, False])
def check_mlp_equals_that_of_pytorch(size, version, recompute, without_triton):
    values, weight = case(size)
    assert can_run_triton(values['x'], compare_layer_norm)
    wanted = without_triton(run, values, weight, version, recompute)
    got = run(values, weight, version, recompute)
    for name, value in wanted.items():
        assert error(got[name], value) < 1e-5, name


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize('size', ['folds', 'scales'])
@pytest.mark.parametrize('version', ['v2', 'v1'])
@pytest.mark.parametrize('dtype', HALF)
@pytest.mark.parametrize('is_narrow', [True, False])
def check_autocast_is_as_accurate_as_pytorch(
    size, version, dtype, is_narrow, without_triton
):
    """Whether x has the autocast type or fp32."""
    values, weight = case(size)
    weight = weight.to(dtype)
    if is_narrow:
        values['x'] = values['x'].to(dtype)
    exact = run(double(values), weight.double(), version)
    arguments = values, weight, version, True, dtype
    plain, got = without_triton(run, *arguments), run(*arguments)
    for name, value in exact.items():
        assert got[name].dtype == plain[name].dtype
        allowed = 1.2 * error(plain[name], value) + torch.finfo(dtype).eps / 8
        assert error(got[name], value) < allowed, name


def check_inference_does_not_change_its_input(without_triton):
    values, _ = case('folds')
    x = values['x'].clone()
    with torch.no_grad():
        assert error(mlp(values), without_triton(mlp, values)) < 1e-5
    assert torch.equal(values['x'], x)


def check_strided_inputs_are_accepted(without_triton):
    """As after a convolution with channels first."""
    values, weight = case('folds')
    values['x'] = torch.randn(2, 20, 67).transpose(1, 2)
    wanted = without_triton(run, values, weight)
    for name, value in run(values, weight).items():
        assert error(value, wanted[name]) < 1e-5, name


def check_all_zero_channels_have_no_gradient_through_their_norm(
    without_triton,
):
    values, weight = case('folds')
    values['expand_weight'][3] = values['expand_bias'][3] = 0
    wanted = without_triton(run, values, weight)
    for name, value in run(values, weight).items():
        assert torch.isfinite(value).all(), name
        assert error(value, wanted[name]) < 1e-5, name


def check_runs_are_deterministic():
    values, weight = case('folds')
    one, other = run(values, weight), run(values, weight)
    assert all(torch.equal(one[name], other[name]) for name in one)


def check_compilers_record_the_operations():
    values, weight = case('tiny')

    def function(x):
        return mlp({**values, 'x': x})

    x = values['x'].requires_grad_()
    wanted = function(x)
    compiled = torch.compile(function, backend='aot_eager', fullgraph=True)
    (gradient,) = torch.autograd.grad(wanted, x, weight)
    y = compiled(x)
    assert error(y, wanted) < 1e-5
    assert error(*torch.autograd.grad(y, x, weight), gradient) < 1e-5


def check_float64_does_not_run_on_triton():
    x = torch.zeros(1, dtype=torch.double)
    assert not can_run_triton(x, compare_layer_norm)


def check_norms_do_not_overflow_in_fp16():
    a = torch.full((1, 67, 3), 300, dtype=torch.float16)
    h, norms = gelu_norms.triton.triton_gelu_norms_forward(a, in_place=False)
    assert torch.equal(h, a)
    assert_close(norms, torch.full((1, 3), 300 * 67**0.5))


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
def check_norms_are_of_the_rounded_activations(dtype):
    a = torch.randn(2, 67, 70).to(dtype)
    before = a.clone()
    h, norms = gelu_norms.triton.triton_gelu_norms_forward(a, in_place=False)
    assert torch.equal(a, before)
    wanted = torch.nn.functional.gelu(a.double())
    assert error(h, wanted) < torch.finfo(dtype).eps / 2
    assert_close(norms, torch.linalg.vector_norm(h.float(), dim=1))
    over, _ = gelu_norms.triton.triton_gelu_norms_forward(a, in_place=True)
    assert over is a and torch.equal(over, h)


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
@pytest.mark.parametrize('has_ratio', [True, False])
def check_gradients_of_gelu_and_norms(dtype, has_ratio):
    a, d_h = (4 * torch.randn(2, 2, 67, 70)).to(dtype)
    ratio = torch.randn(2, 70)
    total = d_h.double()
    if has_ratio:
        h = torch.nn.functional.gelu(a)
        total = total + h.double() * ratio.double()[:, None]
    wanted = torch.ops.aten.gelu_backward(total, a.double())
    d_a, d_b1 = gelu_norms.triton.triton_gelu_norms_backward(
        d_h, a, ratio if has_ratio else None
    )
    assert d_a.dtype == dtype and d_b1.dtype == torch.float32
    assert error(d_a, wanted) < torch.finfo(dtype).eps
    # The sum is of values before rounding; the activations are rounded.
    assert error(d_b1, wanted.sum((0, 1))) < torch.finfo(dtype).eps / 4 + 1e-6


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize(
    ('rows', 'channels'), [(3, 2816), (37, 600), (300, 40), (2, 5), (4, 1)]
)
@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
@pytest.mark.parametrize('out', [torch.float32, torch.bfloat16])
def check_layer_norm(rows, channels, dtype, out):
    """Also far from zero, where sums of squares lose all digits."""
    x, d_z = 30 + torch.randn(2, rows, channels)
    x, d_z = x.to(dtype), d_z.to(out)
    weight, bias = torch.randn(2, channels)
    exact = [v.double().requires_grad_() for v in (x, weight, bias)]
    z = torch.nn.functional.layer_norm(
        exact[0], (channels,), *exact[1:], eps=1e-6
    )
    wanted = torch.autograd.grad(z, exact, d_z.double())
    got, *statistics = layer_norm.triton.triton_layer_norm_forward(
        x, weight, bias, 1e-6, out
    )
    assert got.dtype == out
    assert error(got, z) < torch.finfo(out).eps + 1e-5
    gradients = layer_norm.triton.triton_layer_norm_backward(
        d_z, x, *statistics, weight
    )
    assert [g.dtype for g in gradients] == [dtype, *[torch.float32] * 2]
    if channels == 1:  # a row of one element is normalized to zero
        assert not gradients[0].any() and not gradients[1].any()
        gradients, wanted = gradients[2:], wanted[2:]
    for one, other in zip(gradients, wanted):
        assert error(one, other) < torch.finfo(one.dtype).eps + 1e-5


def test_a_cpu_does_not_run_triton():
    assert not can_run_triton(torch.zeros(1), compare_layer_norm)


def test_the_operators_work_without_triton(monkeypatch):
    monkeypatch.setitem(sys.modules, 'triton', None)  # importing it fails
    monkeypatch.setattr(mmpretrain_plugin, 'ops', ops)  # restored afterwards
    for name in [*sys.modules]:
        if name == ops.__name__ or name.startswith(f'{ops.__name__}.'):
            monkeypatch.delitem(sys.modules, name)
    fresh = importlib.import_module(ops.__name__)
    support = importlib.import_module(f'{ops.__name__}.triton_support')
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    assert support.triton is None
    assert not support.can_run_triton(torch.zeros(1), compare_layer_norm)
    values, _ = case('folds')
    weights = {k: v for k, v in values.items() if k != 'x'}
    y = fresh.folded_mlp(values['x'], fresh.MLPWeights(**weights))
    assert torch.isfinite(y).all()
