"""Kernels compile for GPUs, in the variants that trainings launch.

Pixels of a batch are not needed for that, so that its size does not matter.
"""

import pytest
import torch

from mmpretrain_plugin.ops import VisiblePatches
from mmpretrain_plugin.ops.depthwise.triton import triton_depthwise_conv
from mmpretrain_plugin.ops.gelu_norms.triton import (
    triton_gelu_norms_backward,
    triton_gelu_norms_forward,
)
from mmpretrain_plugin.ops.layer_norm.triton import (
    triton_layer_norm_backward,
    triton_layer_norm_forward,
)
from tests.helpers.gpu_code import compiled_for, resource_usage

FP16, BF16, FP32 = torch.float16, torch.bfloat16, torch.float32
# Channels and positions of a patch: the first stages of atto and tiny, and the
# last of huge.
STAGES = [(40, 64), (96, 64), (2816, 1)]
# Shared memory of a program that every card has.
SHARED = 48 * 1024
REGISTERS = 255


def cards():
    """Yield capabilities and types; all but one wait for the slow tests.

    Turing has no bf16.
    """
    yield 90, BF16
    for capability, dtypes in {
        75: [FP16, FP32],
        80: [FP16, FP32, BF16],
        86: [BF16],
        89: [BF16],
        90: [FP16, FP32],
        120: [FP16, FP32, BF16],
    }.items():
        for dtype in dtypes:
            yield pytest.param(capability, dtype, marks=pytest.mark.slow)


def launch_all(channels, positions, dtype):
    """Launch every kernel as a block of an encoder does."""
    indices = torch.tensor([[0, 2, 3], [1, 2, 3]])
    patches = VisiblePatches(indices, (2, 2))
    shape = 2, 3, positions, channels
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    weight = torch.randn(channels, 1, 7, 7, requires_grad=True)
    bias = torch.randn(channels, requires_grad=True)
    y = triton_depthwise_conv(x, weight, bias, patches)
    y.backward(torch.randn(shape).to(dtype))
    with torch.no_grad():
        z, mean, rstd = triton_layer_norm_forward(y, bias, bias, 1e-6, dtype)
        triton_layer_norm_backward(z, y, mean, rstd, bias)
        a = torch.randn(2, 3 * positions, 4 * channels).to(dtype)
        for in_place in (False, True):
            h, _ = triton_gelu_norms_forward(a.clone(), in_place)
        ratio = torch.randn(2, 4 * channels)
        triton_gelu_norms_backward(h, a, ratio)
        triton_gelu_norms_backward(h, a, None)  # V1


@pytest.mark.parametrize(('capability', 'dtype'), cards())
def test_every_kernel_compiles(capability, dtype, tmp_path, monkeypatch):
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    for channels, positions in STAGES:
        with compiled_for(capability) as kernels:
            launch_all(channels, positions, dtype)
        assert {kernel.name for kernel in kernels} == {
            'convolve_kernel', 'weight_gradient_kernel',
            'layer_norm_forward_kernel', 'layer_norm_backward_kernel',
            'gelu_norms_forward_kernel', 'gelu_norms_backward_kernel',
        }  # fmt: skip
        for kernel in kernels:
            assert len(kernel.asm['cubin']) > 1000
            assert kernel.metadata.shared <= SHARED
            usage = resource_usage(kernel, tmp_path)
            # Otherwise registers would be kept in slow memory.
            assert usage['STACK'] == usage['LOCAL'] == 0, (kernel.name, usage)
            assert 0 < usage['REG'] <= REGISTERS
