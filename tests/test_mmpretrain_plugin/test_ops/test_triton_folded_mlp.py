"""Triton's passes of the folded MLP give what torch's operations give.

A process either interprets kernels, on a CPU, or compiles them, for GPUs, and
chooses before it imports Triton. What is named ``check_*`` here is for the
first way: one test has it collected and run by a process of its own.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin import ops
from mmpretrain_plugin.ops import (
    folded_mlp,
    triton_layer_norm,
    triton_responses,
)
from tests.helpers.gpu_code import assert_compiles_for_gpu

ROOT = Path(__file__).resolve().parents[3]
FOLDED_MLP = sys.modules[folded_mlp.__module__]
# Sites and channels: tiles are cut off by the edge in both, and there are two
# of them along each axis; folded weights, or scaled responses.
SIZES = {'folds': (67, 20), 'scales': (7, 18), 'tiny': (1, 5)}
HALF = [torch.float16, torch.bfloat16]
NAMES = (
    'x', 'norm_weight', 'norm_bias', 'w1', 'b1', 'w2', 'b2', 'gamma', 'beta',
    'scale',
)  # fmt: skip


def case(size):
    """Arguments of a folded MLP by name, and a gradient of its output."""
    sites, channels = SIZES[size]
    wide = 4 * channels
    shapes = dict(
        x=(2, sites, channels), norm_weight=(channels,), norm_bias=(channels,),
        w1=(wide, channels), b1=(wide,), w2=(channels, wide), b2=(channels,),
        gamma=(wide,), beta=(wide,), scale=(channels,),
    )  # fmt: skip
    values = {name: torch.randn(shapes[name]) for name in NAMES}
    return values, torch.randn(2, sites, channels)


def mlp(v, version='v2', recompute=True):
    has_grn = version == 'v2'
    return folded_mlp(
        v['x'],
        (v['norm_weight'], v['norm_bias'], 1e-6),
        (v['w1'], v['b1']),
        (v['gamma'], v['beta'], 1e-6) if has_grn else None,
        (v['w2'], v['b2']),
        None if has_grn else v['scale'],
        recompute,
    )


def run(values, weight, version='v2', recompute=True, dtype=None):
    """Output and gradients by name, under autocast to dtype if any."""
    v = {k: value.detach().requires_grad_() for k, value in values.items()}
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        y = mlp(v, version, recompute)
    y.backward(weight.to(y.dtype))
    slopes = {k: x.grad for k, x in v.items() if x.grad is not None}
    assert len(slopes) == (9 if version == 'v2' else 8)
    return {'y': y.detach(), **slopes}


def double(values):
    return {name: value.double() for name, value in values.items()}


def error(got, wanted):
    wanted = wanted.double()
    return (got.double() - wanted).norm() / wanted.norm()


@pytest.fixture
def plainly(monkeypatch):
    """Run a function with torch's operations."""

    def plainly(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(FOLDED_MLP, 'is_available', lambda x: False)
            return function(*arguments)

    return plainly


@pytest.fixture
def _rounds_to_nearest(monkeypatch):
    """Triton's interpreter cuts fp32 off to bf16; GPUs round it."""
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
def check_mlp_equals_that_of_torch(size, version, recompute, plainly):
    values, weight = case(size)
    assert FOLDED_MLP.is_available(values['x'])
    wanted = plainly(run, values, weight, version, recompute)
    got = run(values, weight, version, recompute)
    for name, value in wanted.items():
        assert error(got[name], value) < 1e-5, name


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize('size', ['folds', 'scales'])
@pytest.mark.parametrize('version', ['v2', 'v1'])
@pytest.mark.parametrize('dtype', HALF)
@pytest.mark.parametrize('is_narrow', [True, False])
def check_autocast_is_as_close_to_the_truth(
    size, version, dtype, is_narrow, plainly
):
    """As torch's operations, whether x comes in the narrow type or in fp32."""
    values, weight = case(size)
    weight = weight.to(dtype)
    if is_narrow:
        values['x'] = values['x'].to(dtype)
    truth = run(double(values), weight.double(), version)
    arguments = values, weight, version, True, dtype
    plain, got = plainly(run, *arguments), run(*arguments)
    for name, value in truth.items():
        assert got[name].dtype == plain[name].dtype
        allowed = 1.2 * error(plain[name], value) + torch.finfo(dtype).eps / 8
        assert error(got[name], value) < allowed, name


def check_inference_writes_over_nothing_of_its_caller(plainly):
    values, _ = case('folds')
    x = values['x'].clone()
    with torch.no_grad():
        assert error(mlp(values), plainly(mlp, values)) < 1e-5
    assert torch.equal(values['x'], x)


def check_sites_may_lie_in_any_order(plainly):
    """As after a convolution with channels first."""
    values, weight = case('folds')
    values['x'] = torch.randn(2, 20, 67).transpose(1, 2)
    wanted = plainly(run, values, weight)
    for name, value in run(values, weight).items():
        assert error(value, wanted[name]) < 1e-5, name


def check_silent_channels_have_no_slope(plainly):
    values, weight = case('folds')
    values['w1'][3] = values['b1'][3] = 0
    wanted = plainly(run, values, weight)
    for name, value in run(values, weight).items():
        assert torch.isfinite(value).all(), name
        assert error(value, wanted[name]) < 1e-5, name


def check_every_run_gives_the_same():
    values, weight = case('folds')
    one, other = run(values, weight), run(values, weight)
    assert all(torch.equal(one[name], other[name]) for name in one)


def check_tracers_and_compilers_see_the_operations():
    values, weight = case('tiny')

    def function(x):
        return mlp({**values, 'x': x})

    x = values['x'].requires_grad_()
    wanted = function(x)
    traced = torch.jit.trace(function, x)
    kinds = [node.kind() for node in traced.inlined_graph.nodes()]
    assert 'aten::gelu' in kinds and 'prim::PythonOp' not in kinds
    compiled = torch.compile(function, backend='aot_eager', fullgraph=True)
    (slope,) = torch.autograd.grad(wanted, x, weight)
    for y in (traced(x), compiled(x)):
        assert error(y, wanted) < 1e-5
        assert error(*torch.autograd.grad(y, x, weight), slope) < 1e-5


def check_doubles_are_left_to_torch():
    assert not FOLDED_MLP.is_available(torch.zeros(1, dtype=torch.double))


def check_squares_may_leave_the_range_of_fp16():
    a = torch.full((1, 67, 3), 300, dtype=torch.float16)
    h, norms = triton_responses.gelu_norms(a, in_place=False)
    assert torch.equal(h, a)
    assert_close(norms, torch.full((1, 3), 300 * 67**0.5))


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
def check_norms_are_of_the_stored_responses(dtype):
    a = torch.randn(2, 67, 70).to(dtype)
    before = a.clone()
    h, norms = triton_responses.gelu_norms(a, in_place=False)
    assert torch.equal(a, before)
    wanted = torch.nn.functional.gelu(a.double())
    assert error(h, wanted) < torch.finfo(dtype).eps / 2
    assert_close(norms, torch.linalg.vector_norm(h.float(), dim=1))
    over, _ = triton_responses.gelu_norms(a, in_place=True)
    assert over is a and torch.equal(over, h)


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
@pytest.mark.parametrize('has_ratio', [True, False])
def check_slopes_of_responses(dtype, has_ratio):
    a, d_h = (4 * torch.randn(2, 2, 67, 70)).to(dtype)
    ratio = torch.randn(2, 70)
    total = d_h.double()
    if has_ratio:
        h = torch.nn.functional.gelu(a)
        total = total + h.double() * ratio.double()[:, None]
    wanted = torch.ops.aten.gelu_backward(total, a.double())
    d_a, d_b1 = triton_responses.gelu_norms_backward(
        d_h, a, ratio if has_ratio else None
    )
    assert d_a.dtype == dtype and d_b1.dtype == torch.float32
    assert error(d_a, wanted) < torch.finfo(dtype).eps
    # The sum is of what is not rounded yet; responses above are.
    assert error(d_b1, wanted.sum((0, 1))) < torch.finfo(dtype).eps / 4 + 1e-6


@pytest.mark.usefixtures('_rounds_to_nearest')
@pytest.mark.parametrize(
    ('rows', 'channels'), [(3, 2816), (37, 600), (300, 40), (2, 5), (4, 1)]
)
@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
@pytest.mark.parametrize('out', [torch.float32, torch.bfloat16])
def check_layer_norm(rows, channels, dtype, out):
    """Also far from zero, where squares alone would leave no digits."""
    x, d_z = 30 + torch.randn(2, rows, channels)
    x, d_z = x.to(dtype), d_z.to(out)
    weight, bias = torch.randn(2, channels)
    exact = [v.double().requires_grad_() for v in (x, weight, bias)]
    z = torch.nn.functional.layer_norm(
        exact[0], (channels,), *exact[1:], eps=1e-6
    )
    wanted = torch.autograd.grad(z, exact, d_z.double())
    got, *statistics = triton_layer_norm.layer_norm(x, weight, bias, 1e-6, out)
    assert got.dtype == out
    assert error(got, z) < torch.finfo(out).eps + 1e-5
    slopes = triton_layer_norm.layer_norm_backward(d_z, x, *statistics, weight)
    assert [s.dtype for s in slopes] == [dtype, *[torch.float32] * 2]
    if channels == 1:  # nothing is left of a row of one
        assert not slopes[0].any() and not slopes[1].any()
        slopes, wanted = slopes[2:], wanted[2:]
    for one, other in zip(slopes, wanted):
        assert error(one, other) < torch.finfo(one.dtype).eps + 1e-5


def test_checks_pass_in_the_interpreter():
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', __file__, '-q', '-x',
         '-p', 'no:cacheprovider', '-o', 'python_functions=check_*'],
        env={**os.environ, 'TRITON_INTERPRET': '1'},
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'skipped' not in result.stdout


def test_a_cpu_does_without():
    assert not FOLDED_MLP.is_available(torch.zeros(1))


def test_nothing_requires_triton(monkeypatch):
    monkeypatch.setitem(sys.modules, 'triton', None)
    names = ['available', 'depthwise', 'layer_norm', 'responses']
    for name in names:
        monkeypatch.delitem(sys.modules, f'{ops.__name__}.triton_{name}')
        monkeypatch.setattr(ops, f'triton_{name}', None)
    for name in names:
        module = importlib.import_module(f'{ops.__name__}.triton_{name}')
        assert module.triton is None
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    assert not ops.triton_available.is_available(torch.zeros(1))


@pytest.mark.parametrize('capability', [80, 90])
@pytest.mark.parametrize('dtype', ['fp32', 'fp16', 'bf16'])
@pytest.mark.parametrize('channels', [40, 2816])
def test_kernels_compile_for_gpus(
    tmp_path, monkeypatch, capability, dtype, channels
):
    """To machine code, which needs no GPU."""
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    responses = dict(block_t=64, block_k=64)
    tile = triton_layer_norm.tile(channels)
    narrow = dict.fromkeys(['a', 'h', 'd_a', 'z', 'd_z'], f'*{dtype}')
    pointers = narrow | dict.fromkeys(
        ['x', 'd_x', 'parts', 'ratio', 'weight', 'bias', 'mean', 'rstd'],
        '*fp32',
    )
    numbers = dict(sites='i32', channels='i32', rows='i32', eps='fp32')
    for kernel, constexprs in [
        (triton_responses.gelu_norms_kernel, responses),
        (triton_responses.gelu_norms_backward_kernel,
         dict(responses, has_ratio=True)),
        (triton_layer_norm.layer_norm_kernel, tile),
        (triton_layer_norm.layer_norm_backward_kernel, dict(tile, steps=4)),
    ]:  # fmt: skip
        assert_compiles_for_gpu(
            kernel, pointers | numbers, constexprs, capability
        )
