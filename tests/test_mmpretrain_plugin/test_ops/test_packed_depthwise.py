"""Every implementation equals the plain convolution of visible patches."""

import itertools

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.models.masking import random_mask, visible_indices
from mmpretrain_plugin.ops import VisiblePatches, packed_depthwise_conv
from mmpretrain_plugin.ops.depthwise import (
    plain_packed_depthwise_conv,
    window_products,
)
from mmpretrain_plugin.ops.depthwise.comparison import compare_depthwise_conv
from mmpretrain_plugin.ops.depthwise.halo import halo_depthwise_conv
from mmpretrain_plugin.ops.triton_support import can_run_triton

# Positions per side of a patch, and grids where all, some, or few of a
# kernel's neighbors exist. Side 3 is of patches of 96 pixels, 16 of a stem
# with stride 2.
CASES = [
    (8, (2, 3), 0.5),
    (4, (3, 3), 0.6),
    (2, (4, 4), 0.7),
    (1, (7, 7), 0.6),
    (3, (3, 2), 0.4),
    (16, (1, 2), 0.5),
    (4, (2, 2), 0.0),
]


def visible_patches(grid, ratio, images=2):
    generator = torch.Generator().manual_seed(0)
    mask = random_mask(images, grid, ratio, generator)
    return VisiblePatches(visible_indices(mask), grid)


def case(side, grid, ratio, channels=5, k=7, dtype=torch.double):
    """Visible patches; input, kernel and bias; gradient of the output."""
    patches = visible_patches(grid, ratio)
    shape = (*patches.indices.shape, side * side, channels)
    x, grad = torch.randn(2, *shape, dtype=dtype)
    weight = torch.randn(channels, 1, k, k, dtype=dtype) / k
    return patches, (x, weight, torch.randn(channels, dtype=dtype)), grad


def run(function, patches, inputs, grad):
    """Output, and the gradients of input, kernel and bias."""
    inputs = [value.clone().requires_grad_() for value in inputs]
    y = function(*inputs, patches)
    return y.detach(), *torch.autograd.grad(y, inputs, grad.to(y.dtype))


@pytest.mark.parametrize(('side', 'grid', 'ratio'), CASES)
def test_halos_equal_the_plain_convolution(side, grid, ratio):
    arguments = case(side, grid, ratio)
    wanted = run(plain_packed_depthwise_conv, *arguments)
    for got, value in zip(run(halo_depthwise_conv, *arguments), wanted):
        assert_close(got, value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(('side', 'grid', 'ratio'), CASES)
def test_the_plain_convolution_reads_hidden_positions_as_zero(
    side, grid, ratio
):
    """Position by position: a sum over visible neighbors of its image."""
    patches, (x, weight, bias), _ = case(side, grid, ratio, channels=1)
    y = plain_packed_depthwise_conv(x, weight, bias, patches)
    places = {}
    for n, row in enumerate(patches.indices.tolist()):
        for v, patch in enumerate(row):
            for p in range(side * side):
                down, right = divmod(patch, grid[1])
                i, j = down * side + p // side, right * side + p % side
                places[n, i, j] = n, v, p
    for (n, i, j), at in list(places.items())[:: max(1, len(places) // 20)]:
        total = bias.clone()
        for di, dj in itertools.product(range(-3, 4), repeat=2):
            neighbor = places.get((n, i + di, j + dj))
            if neighbor is not None:
                total += weight[0, 0, di + 3, dj + 3] * x[neighbor]
        assert_close(y[at], total)


def test_gradients_equal_finite_differences():
    patches, inputs, _ = case(2, (3, 3), 0.5, channels=2)
    assert torch.autograd.gradcheck(
        lambda *args: halo_depthwise_conv(*args, patches),
        [value.requires_grad_() for value in inputs],
        fast_mode=True,
    )


def test_groups_of_patches_give_the_same_sums(monkeypatch):
    arguments = case(2, (4, 4), 0.5)
    wanted = run(packed_depthwise_conv, *arguments)
    monkeypatch.setattr(window_products, 'CACHED', 3 * 49 * 5)  # 3 of 16
    for got, value in zip(run(packed_depthwise_conv, *arguments), wanted):
        assert_close(got, value)


@pytest.mark.parametrize('radius', [1, 2, 3])
def test_the_neighbor_table_equals_a_search(radius):
    """Patch by patch, looked up by row and column."""
    patches = visible_patches((4, 5), 0.5)
    table = patches.neighbor_table(radius)
    visible = patches.indices.shape[1]
    places = {
        (n, *divmod(int(patch), 5)): n * visible + v
        for n, row in enumerate(patches.indices)
        for v, patch in enumerate(row)
    }
    for (n, row, column), number in places.items():
        for i in range(-radius, radius + 1):
            for j in range(-radius, radius + 1):
                wanted = places.get((n, row + i, column + j), -1)
                assert table[number, i + radius, j + radius] == wanted


def test_tables_are_computed_once():
    patches = VisiblePatches(torch.tensor([[0, 3]]), (2, 2))
    assert patches.halo_table(8, 3) is patches.halo_table(8, 3)
    assert patches.neighbor_table(1) is patches.neighbor_table(1)
    assert patches.position_indices(4) is patches.position_indices(4)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_autocast_computes_in_its_type(dtype):
    arguments = case(4, (3, 3), 0.5, dtype=torch.float)
    wanted = run(plain_packed_depthwise_conv, *arguments)
    with torch.autocast('cpu', dtype=dtype):
        got = run(packed_depthwise_conv, *arguments)
    assert [value.dtype for value in got] == [dtype, *[torch.float] * 3]
    for one, other in zip(got, wanted):
        error = (one - other).norm() / other.norm()
        assert error < torch.finfo(dtype).eps


@pytest.mark.parametrize(
    ('side', 'grid', 'ratio', 'channels', 'k', 'dtype'),
    [
        # The kernel reaches over two patches.
        (1, (2, 3), 0.5, 3, 5, torch.float32),
        # Numbers of positions and channels are no powers of two.
        (3, (2, 2), 0.5, 5, 3, torch.float16),
        # Nothing is hidden, and channels are two blocks.
        (2, (1, 2), 0.0, 70, 3, torch.bfloat16),
    ],
)
def check_triton_equals_the_plain_convolution(
    side, grid, ratio, channels, k, dtype
):
    """In Triton's interpreter; see ``test_triton_interpreter.py``."""
    patches, inputs, grad = case(side, grid, ratio, channels, k)
    exact = [value.to(dtype).double() for value in inputs]
    wanted = run(plain_packed_depthwise_conv, patches, exact, grad)
    x, *parameters = (value.to(dtype) for value in exact)
    inputs = [x, *(value.float() for value in parameters)]
    assert can_run_triton(x, compare_depthwise_conv)
    got = run(packed_depthwise_conv, patches, inputs, grad)
    assert [value.dtype for value in got] == [dtype] * 2 + [torch.float] * 2
    for one, other in zip(got, wanted):
        error = (one.double() - other).norm() / other.norm()
        # The interpreter truncates fp32 to bf16; GPUs round it.
        assert error < 2 * torch.finfo(dtype).eps + 1e-6
