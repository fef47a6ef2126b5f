import copy

import numpy as np
import pytest
import torch
from mmpretrain.models.utils import norm as mmpretrain_norm
from torch.testing import assert_close

from mmpretrain_plugin.models import GRN
from tests.helpers.small_models import randomize


def test_equals_the_equations_of_the_paper():
    layer = randomize(GRN(5))
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    gamma, beta = layer.gamma.detach().numpy(), layer.beta.detach().numpy()
    for n, h in enumerate(x.numpy()):
        g = np.array([np.linalg.norm(h[..., k]) for k in range(5)])
        ratio = g / (g.mean() + 1e-6)
        expected = gamma * (h * ratio) + beta + h
        assert_close(layer(x)[n].detach(), torch.from_numpy(expected))


def test_equals_mmpretrains():
    ours = randomize(GRN(6))
    theirs = mmpretrain_norm.GRN(6).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    assert_close(ours(x), theirs(x, data_format='channel_last'))


def test_is_initialized_as_the_identity():
    x = torch.randn(2, 9, 4)
    assert torch.equal(GRN(4)(x), x)


def test_gradient_of_an_image_of_zeros_is_finite():
    layer = randomize(GRN(4))
    x = torch.zeros(1, 9, 4, dtype=torch.float64, requires_grad=True)
    layer(x).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_statistics_do_not_overflow_in_half_precision(dtype):
    """Norms are up to 256 * 600 = 153600; the maximum of fp16 is 65504."""
    layer = randomize(GRN(4)).to(dtype)
    x = torch.tensor([600.0, 300, 100, 50]).to(dtype).expand(1, 256, 256, 4)
    expected = copy.deepcopy(layer).double()(x.double())
    assert_close(layer(x).double(), expected, rtol=2e-2, atol=2e-2)
