"""A kernel is compared with PyTorch before it is used, and not if wrong.

Functions named ``check_*`` run in Triton's interpreter, in the process that
``test_triton_interpreter.py`` starts.
"""

import itertools
import warnings

import pytest
import torch

from mmpretrain_plugin.ops import (
    depthwise,
    gelu_norms,
    layer_norm,
    triton_support,
)
from mmpretrain_plugin.ops.kernel_report import OPERATORS, report
from mmpretrain_plugin.ops.triton_support import (
    TOLERANCES,
    VARIABLE,
    can_run_triton,
    kernel_verdict,
    relative_error,
)

CPU = torch.device('cpu')


@pytest.fixture
def fresh(monkeypatch):
    """No verdict yet, no choice by the user, and few patches."""
    monkeypatch.setattr(
        'mmpretrain_plugin.ops.depthwise.comparison.GRID', (1, 4)
    )
    monkeypatch.setattr(triton_support, '_VERDICTS', {})
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def stand_ins(fresh, monkeypatch):
    """Replace all launchers by PyTorch, as if there were a card."""
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    for module in (gelu_norms, layer_norm):
        monkeypatch.setattr(
            module.dispatch, 'can_run_triton', lambda *_: False
        )
    for module, launchers in LAUNCHERS.items():
        for name, function in launchers.items():
            monkeypatch.setattr(module.comparison, name, function)


LAUNCHERS = {
    layer_norm: dict(
        triton_layer_norm_forward=layer_norm.layer_norm_forward,
        triton_layer_norm_backward=lambda d_z, x, mean, rstd, weight: (
            layer_norm.layer_norm_backward(d_z, x, mean, rstd, weight, weight)
        ),
    ),
    gelu_norms: dict(
        triton_gelu_norms_forward=lambda a, in_place: (
            gelu_norms.gelu_norms_forward(a, in_place, has_norms=True)
        ),
        triton_gelu_norms_backward=lambda d_h, a, ratio: (
            gelu_norms.gelu_norms_backward(
                d_h.clone(), a, torch.nn.functional.gelu(a), ratio
            )
        ),
    ),
    depthwise: dict(
        triton_depthwise_conv=lambda x, weight, bias, patches: (
            depthwise.plain_packed_depthwise_conv(
                x, weight.to(x.dtype), bias.to(x.dtype), patches
            )
        ),
    ),
}
ALL = [(m, name) for m, names in LAUNCHERS.items() for name in names]
COMPARE = dict(zip(LAUNCHERS, OPERATORS.values()))


@pytest.mark.usefixtures('fresh')
@pytest.mark.parametrize(
    ('name', 'dtype'),
    [
        *itertools.product(('layer norm', 'GELU and norms'), TOLERANCES),
        ('depthwise convolution', torch.float32),
    ],
)
def check_right_kernels_are_used(name, dtype):
    assert_used(OPERATORS[name], dtype)


@pytest.mark.usefixtures('stand_ins')
@pytest.mark.parametrize('dtype', TOLERANCES)
@pytest.mark.parametrize('compare', OPERATORS.values(), ids=OPERATORS.keys())
def test_right_results_are_used(compare, dtype):
    assert_used(compare, dtype)


def assert_used(compare, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        assert can_run_triton(torch.randn(2, 3).to(dtype), compare)
    verdict = kernel_verdict(compare, CPU, dtype)
    assert verdict.reason is None
    assert 0 <= verdict.error <= TOLERANCES[dtype]


def wrong(kind, function):
    """Return a launcher whose last result is wrong in some way."""

    def launch(*args, **kwargs):
        if kind == 'raises':
            raise RuntimeError('PassManager::run failed\nand more lines')
        result = function(*args, **kwargs)
        *first, last = result if isinstance(result, tuple) else [result]
        if kind == 'an element':
            last = last.clone(memory_format=torch.contiguous_format)
            last.view(-1)[-1] += 20
        elif kind == 'not written':
            last = torch.zeros_like(last)
        else:
            last = last * (1.05 if kind == 'scaled' else torch.nan)
        return (*first, last) if first else last

    return launch


@pytest.mark.usefixtures('stand_ins')
@pytest.mark.parametrize(
    'kind', ['an element', 'scaled', 'not finite', 'raises', 'not written']
)
@pytest.mark.parametrize('dtype', TOLERANCES)
@pytest.mark.parametrize(('module', 'name'), ALL, ids=[n for _, n in ALL])
def test_wrong_results_are_not_used(module, name, dtype, kind, monkeypatch):
    launch = wrong(kind, LAUNCHERS[module][name])
    monkeypatch.setattr(module.comparison, name, launch)
    x, compare = torch.randn(2, 3).to(dtype), COMPARE[module]
    with pytest.warns(UserWarning, match='are not used on cpu in ') as seen:
        assert not can_run_triton(x, compare)
    assert len(seen) == 1 and '\n' not in str(seen[0].message)
    # Without another comparison, for the rest of the process.
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        assert not can_run_triton(x, compare)


@pytest.mark.usefixtures('fresh')
def test_the_variable_decides_without_a_comparison(monkeypatch):
    def compare(device, dtype):
        raise AssertionError('it was run')

    x = torch.randn(2, 3)
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    monkeypatch.setenv(VARIABLE, 'triton')
    assert can_run_triton(x, compare)
    monkeypatch.setenv(VARIABLE, 'pytorch')
    assert not can_run_triton(x, compare)
    monkeypatch.setenv(VARIABLE, 'cuda')
    with pytest.raises(ValueError, match=f"{VARIABLE} is 'cuda'; it must be"):
        can_run_triton(x, compare)


def test_nothing_is_launched_for_an_empty_batch(monkeypatch):
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    for compare in OPERATORS.values():
        assert not can_run_triton(torch.zeros(0, 3), compare)


@pytest.mark.parametrize(
    ('capability', 'dtype', 'needed'),
    [
        ((6, 1), torch.float32, '7.0'),
        ((7, 5), torch.bfloat16, '8.0'),
        ((7, 5), torch.float16, None),
        ((8, 0), torch.bfloat16, None),
        ((12, 0), torch.bfloat16, None),
    ],
)
def test_old_cards_do_not_compile_anything(
    capability, dtype, needed, monkeypatch
):
    monkeypatch.setattr(triton_support, '_VERDICTS', {})
    monkeypatch.setattr(
        torch.cuda, 'get_device_capability', lambda device: capability
    )
    ran = []
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        verdict = kernel_verdict(
            lambda *_: ran.append(1) or 0.0, torch.device('cuda', 0), dtype
        )
    assert bool(ran) == (needed is None)
    if needed:
        assert f'they need {needed}' in verdict.reason


def test_the_error_of_a_result():
    wanted = torch.tensor([3.0, 4.0]).double()
    assert relative_error(torch.tensor([3.0, 4.0]), wanted) == 0
    assert relative_error(torch.tensor([3.0, 4.5]), wanted) == 0.1
    assert relative_error(torch.tensor([3.0]), wanted) == float('inf')
    assert relative_error(wanted * torch.nan, wanted) == float('inf')


def test_the_report_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setenv(VARIABLE, 'pytorch')
    assert list(report()) == [
        f'{VARIABLE}=pytorch: the kernels are used as it says',
        'no NVIDIA GPU: PyTorch computes everything',
    ]


def test_the_report_of_a_gpu(monkeypatch):
    """With verdicts instead of a card."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'H100')
    verdicts = {
        (compare, torch.device('cuda', 0), dtype): triton_support.Verdict(
            None if dtype == torch.float32 else 'too old', 1e-7, 2.0
        )
        for compare in OPERATORS.values()
        for dtype in TOLERANCES
    }
    monkeypatch.setattr(triton_support, '_VERDICTS', verdicts)
    lines = list(report())
    assert lines[0] == 'cuda:0: H100'
    assert len(lines) == 1 + len(OPERATORS) * len(TOLERANCES)
    assert lines[1] == (
        '  layer norm             float32   used, error 1.0e-07, 2.0 s'
    )
    assert lines[-1].endswith('bfloat16  too old, 2.0 s')
