"""Norms beyond the range of fp16 do not overflow (ConvNeXt-V2 issue 66)."""

import pytest
import torch
from torch.testing import assert_close

from mmpretrain_plugin.models.layers import ConvNeXtV2Block
from mmpretrain_plugin.models.layouts import DenseLayout
from tests.helpers.small_models import randomize


@pytest.mark.parametrize('has_gradient', [True, False])
@pytest.mark.parametrize('fold_mlp', [True, False])
def test_norms_of_grn_are_computed_in_fp32(fold_mlp, has_gradient):
    """Activations of 400 at 256² positions have a norm of 102,400."""
    block = randomize(ConvNeXtV2Block(4, fold_mlp=fold_mlp))
    torch.nn.init.constant_(block.pointwise_conv1.bias, 400)
    x = torch.randn(1, 256, 256, 4, dtype=torch.float64)
    with torch.no_grad():
        wanted = block(x, DenseLayout())
    with torch.set_grad_enabled(has_gradient):
        got = block.half()(x.half(), DenseLayout())
    close = 0.01 * wanted.abs().max().item()
    assert_close(got.double(), wanted, rtol=0, atol=close)


@pytest.mark.parametrize('size', [2, 6], ids=['scaled', 'folded'])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_a_block_in_half_precision_has_gradients(dtype, size):
    """Without autocast, as in fully sharded training in bf16."""
    block = randomize(ConvNeXtV2Block(8, layer_scale_init_value=1.0))
    x = torch.randn(2, size, size, 8, dtype=torch.float64)
    block(x, DenseLayout()).square().mean().backward()
    wanted = {name: p.grad for name, p in block.named_parameters()}
    block.zero_grad()
    block.to(dtype)(x.to(dtype), DenseLayout()).square().mean().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad.dtype == dtype, name
        close = 0.05 * wanted[name].abs().max().item()
        got = parameter.grad.double()
        assert_close(got, wanted[name], rtol=0, atol=close)
