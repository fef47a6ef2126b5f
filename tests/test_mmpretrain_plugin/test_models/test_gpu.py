"""On a GPU, Triton's kernels compute what PyTorch computes in float64.

The kernels do not accept float64, so that the same model in float64 is their
plain definition, on the same device. In a masked model run the depthwise
convolution of visible patches, LayerNorm, and GELU with the norms of GRN.
"""

import pytest
import torch
from torch.testing import assert_close

from tests.helpers.small_models import small_backbone, some_mask

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def exact_convolutions(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)


def outputs_and_gradients(model, images, mask):
    """Return the map, and the gradients of images and parameters."""
    images = images.clone().requires_grad_()
    (out,) = model(images, mask)
    weight = torch.linspace(-1, 1, out.numel(), device=out.device)
    (out.double() * weight.view(out.shape)).sum().backward()
    gradients = {
        name: parameter.grad.to(torch.float64, copy=True)
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return out.detach().double(), images.grad.double(), gradients


@pytest.mark.parametrize('is_masked', [True, False])
@pytest.mark.parametrize('is_v2', [True, False])
@pytest.mark.parametrize(
    ('dtype', 'close'), [(torch.float32, 1e-4), (torch.bfloat16, 0.25)]
)
def test_kernels_equal_float64(dtype, close, is_v2, is_masked):
    options = {} if is_v2 else dict(use_grn=False, layer_scale_init_value=1.0)
    model = small_backbone(**options).cuda()
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64, device='cuda')
    mask = some_mask() if is_masked else None
    wanted = outputs_and_gradients(model, images, mask)
    assert len(wanted[2]) > 40
    model.float().zero_grad()
    with torch.autocast('cuda', dtype, enabled=dtype != torch.float32):
        got = outputs_and_gradients(model, images.float(), mask)
    for one, other in zip(got[:2], wanted[:2]):
        scale = other.abs().max().item()
        assert_close(one, other, rtol=0, atol=close * scale)
    assert got[2].keys() == wanted[2].keys()
    for name, other in wanted[2].items():
        scale = other.abs().max().item()
        atol = close * max(scale, 1e-6)
        assert_close(got[2][name], other, rtol=0, atol=atol)
