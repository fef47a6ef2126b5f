"""Every way to convolve visible patches gives what the plain way gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.models.layouts.packed import PackedLayout
from mmpretrain_plugin.models.masking import random_mask
from mmpretrain_plugin.ops import (
    Neighbors,
    halo_depthwise,
    triton_depthwise,
    window_products,
)
from tests.helpers.gpu_code import assert_compiles_for_gpu

ROOT = Path(__file__).resolve().parents[3]
# Sites per side of a patch, and grids where all of them, some, or few of a
# kernel's neighbors exist. 3 is of patches of 96 pixels, 16 of a stem of 2.
CASES = [
    (8, (2, 3), 0.5),
    (4, (3, 3), 0.6),
    (2, (4, 4), 0.7),
    (1, (7, 7), 0.6),
    (3, (3, 2), 0.4),
    (16, (1, 2), 0.5),
    (4, (2, 2), 0.0),
]


def layout(grid, ratio, images=2):
    generator = torch.Generator().manual_seed(0)
    mask = random_mask(images, grid, ratio, generator)
    return PackedLayout(mask, torch.device('cpu'))


def case(side, grid, ratio, channels=5, dtype=torch.double):
    packed = layout(grid, ratio)
    shape = (*packed.patches.shape, side * side, channels)
    conv = torch.nn.Conv2d(
        channels, channels, kernel_size=7, padding=3, groups=channels
    )
    return packed, conv.to(dtype), *torch.randn(2, *shape, dtype=dtype)


def run(function, conv, x, weight):
    conv.zero_grad()
    x = x.clone().requires_grad_()
    y = function(x, conv)
    (y * weight).sum().backward()
    return y.detach(), x.grad, conv.weight.grad, conv.bias.grad


@pytest.mark.parametrize(('side', 'grid', 'ratio'), CASES)
def test_halos_equal_the_plain_convolution(side, grid, ratio):
    packed, conv, x, weight = case(side, grid, ratio)

    def halo(x, conv):
        return halo_depthwise(x, conv.weight, conv.bias, packed.neighbors)

    wanted = run(packed.plain_depthwise_conv, conv, x, weight)
    for got, value in zip(run(halo, conv, x, weight), wanted):
        assert_close(got, value, rtol=1e-10, atol=1e-10)


def test_gradients_equal_finite_differences():
    packed, conv, x, _ = case(2, (3, 3), 0.5, channels=2)
    inputs = [x.requires_grad_(), conv.weight, conv.bias]
    assert torch.autograd.gradcheck(
        lambda *args: halo_depthwise(*args, packed.neighbors),
        inputs,
        fast_mode=True,
    )


def test_many_patches_are_summed_in_groups(monkeypatch):
    packed, conv, x, weight = case(2, (4, 4), 0.5)
    wanted = run(packed.depthwise_conv, conv, x, weight)
    monkeypatch.setattr(window_products, 'CACHED', 3 * 49 * 5)  # 3 of 16
    got = run(packed.depthwise_conv, conv, x, weight)
    for one, other in zip(got, wanted):
        assert_close(one, other)


@pytest.mark.parametrize('radius', [1, 2, 3])
def test_the_table_is_that_of_a_search(radius):
    """Patch by patch, looked up by its place."""
    packed = layout((4, 5), 0.5)
    table = packed.neighbors.of_patches(radius)
    visible = packed.patches.shape[1]
    places = {
        (n, *divmod(int(patch), 5)): n * visible + v
        for n, row in enumerate(packed.patches)
        for v, patch in enumerate(row)
    }
    for (n, row, column), number in places.items():
        for i in range(-radius, radius + 1):
            for j in range(-radius, radius + 1):
                wanted = places.get((n, row + i, column + j), -1)
                assert table[number, i + radius, j + radius] == wanted


def test_tables_are_made_once():
    neighbors = Neighbors(torch.tensor([[0, 3]]), (2, 2))
    assert neighbors.of_sites(8, 3) is neighbors.of_sites(8, 3)
    assert neighbors.of_patches(1) is neighbors.of_patches(1)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_autocast_computes_in_its_type(dtype):
    packed, conv, x, weight = case(4, (3, 3), 0.5, dtype=torch.float)
    wanted = run(packed.plain_depthwise_conv, conv, x, weight)
    with torch.autocast('cpu', dtype=dtype):
        got = run(packed.depthwise_conv, conv, x, weight)
    assert [value.dtype for value in got] == [dtype, *[torch.float] * 3]
    for one, other in zip(got, wanted):
        error = (one - other).norm() / other.norm()
        assert error < torch.finfo(dtype).eps


INTERPRETED = """
import torch
from mmpretrain_plugin.ops import triton_available
from tests.test_mmpretrain_plugin.test_ops import test_packed_depthwise as t

for side, grid, ratio, channels in [
    (4, (2, 2), 0.5, 3), (2, (2, 3), 0.5, 2), (1, (3, 3), 0.5, 70),
    (3, (1, 2), 0.0, 2),
]:
    packed, conv, x, weight = t.case(side, grid, ratio, channels, torch.float)
    assert triton_available.is_available(x)
    wanted = t.run(packed.plain_depthwise_conv, conv, x, weight)
    got = t.run(packed.depthwise_conv, conv, x, weight)
    for one, other in zip(got, wanted):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    print('equal', side)
"""


def test_triton_equals_the_plain_convolution_in_its_interpreter():
    """Which has to be chosen before Triton is imported."""
    result = subprocess.run(
        [sys.executable, '-c', INTERPRETED],
        env={**os.environ, 'TRITON_INTERPRET': '1'},
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert [
        line for line in result.stdout.splitlines() if 'equal' in line
    ] == [f'equal {side}' for side in (4, 2, 1, 3)]


@pytest.mark.parametrize('capability', [80, 90])
@pytest.mark.parametrize('dtype', ['fp32', 'fp16', 'bf16'])
@pytest.mark.parametrize('side', [8, 1])
def test_triton_compiles_for_gpus(
    tmp_path, monkeypatch, capability, dtype, side
):
    """To machine code, which needs no GPU."""
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    constants = dict(
        side=side, around=3 if side == 8 else 7, k=7, block_s=side**2,
        block_c=64,
    )  # fmt: skip
    types = {
        **dict.fromkeys(['x', 'y', 'grad'], f'*{dtype}'),
        **dict.fromkeys(['weight', 'bias', 'parts'], '*fp32'),
        **dict.fromkeys(['patches', 'splits', 'channels'], 'i32'),
        'table': '*i64',
    }
    assert_compiles_for_gpu(
        triton_depthwise.convolve_kernel,
        types,
        dict(constants, turned=True, has_bias=True),
        capability,
    )
    assert_compiles_for_gpu(
        triton_depthwise.weight_gradient_kernel, types, constants, capability
    )
