"""Blocks call a layer that a tool replaced or added a hook to.

The folded MLP, the depthwise kernels and the packed layout read the weights of
layers without calling them. They are not used if a layer was changed.
"""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.testing import assert_close

from mmpretrain_plugin.models.layers import ConvNeXtV2Block, block
from mmpretrain_plugin.models.layouts.dense import DenseLayout
from tests.helpers.small_models import ARCH, V1, randomize, small_backbone

LAYERS = ('depthwise_conv', 'norm', 'pointwise_conv1', 'act', 'grn',
          'pointwise_conv2')  # fmt: skip


@pytest.fixture
def images():
    return torch.randn(2, 3, 64, 64, dtype=torch.double)


@pytest.fixture
def folded_calls(monkeypatch):
    """Return a list that has an entry for each call of the folded MLP."""
    calls, original = [], block.folded_mlp

    def folded_mlp(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(block, 'folded_mlp', folded_mlp)
    return calls


@pytest.mark.parametrize('version', [{}, V1], ids=['V2', 'V1'])
@pytest.mark.parametrize('layer', LAYERS)
@pytest.mark.parametrize('kind', ['forward', 'forward_pre', 'full_backward'])
def test_hooks_run_in_training(version, layer, kind, folded_calls):
    module = randomize(ConvNeXtV2Block(4, **version))
    x = torch.randn(2, 5, 6, 4, dtype=torch.double, requires_grad=True)
    wanted = module(x, DenseLayout())
    (d_wanted,) = torch.autograd.grad(wanted.square().sum(), x)
    assert len(folded_calls) == 1
    seen = []
    register = getattr(getattr(module, layer), f'register_{kind}_hook')
    handle = register(lambda *args: seen.append(args[0]))
    got = module(x, DenseLayout())
    (d_got,) = torch.autograd.grad(got.square().sum(), x)
    assert seen == [getattr(module, layer)]
    assert_close((got, d_got), (wanted, d_wanted), rtol=1e-9, atol=1e-9)
    handle.remove()
    before = len(folded_calls)
    module(x, DenseLayout())
    assert len(seen) == 1 and len(folded_calls) == before + 1


def test_global_hooks_run(images):
    """As those of PyTorch's FLOPs counter."""
    model, seen = small_backbone(), []
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, args, out: seen.append(module)
    )
    try:
        model(images)
    finally:
        handle.remove()
    layers = [m for m in model.modules() if not list(m.children())]
    assert {id(m) for m in layers} <= {id(m) for m in seen}


@pytest.mark.parametrize('encoding', ['packed', 'dense'])
def test_hooks_run_under_a_mask(images, encoding):
    """Stem, down-sampling and blocks compute the same from called layers."""
    model = small_backbone()
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 1]]).bool().view(2, 2, 2)
    (wanted,) = model(images, mask, encoding)
    layers = [
        m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))
    ]
    seen = []
    for layer in layers:
        layer.register_forward_hook(lambda m, args, out: seen.append(m))
    (got,) = model(images, mask, encoding)
    assert_close(got, wanted, rtol=1e-9, atol=1e-9)
    assert len(seen) == len(layers) and set(seen) == set(layers)


def test_pruned_weights_train_in_the_packed_encoding(images):
    model = small_backbone()
    prune.l1_unstructured(model.stages[2][0].depthwise_conv, 'weight', 0.5)
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 1]]).bool().view(2, 2, 2)
    for _ in range(2):  # the pruned weight is computed in each step
        model(images, mask)[0].sum().backward()


def test_features_of_the_last_block_have_a_gradient_for_cam(images):
    """As class activation maps take them from an inner layer."""
    model = small_backbone().eval()
    maps = []
    layer = model.stages[-1][-1].pointwise_conv2
    layer.register_forward_hook(lambda module, args, out: maps.append(out))
    score = model(images)[0].square().sum()
    (features,) = maps
    assert features.shape == (2, 2, 2, ARCH['channels'][-1])
    (gradient,) = torch.autograd.grad(score, features)
    assert gradient.any()


def lora_model(**options):
    return MODELS.build(
        dict(
            type='LoRAModel',
            module=dict(
                type='ConvNeXtV2', arch=ARCH, gap_before_final_norm=False
            ),
            rank=2,
            alpha=2,
            targets=[
                dict(type='pointwise_conv1'),
                dict(type='pointwise_conv2'),
            ],
            **options,
        )
    ).double()


def test_lora_starts_as_the_backbone_and_trains_its_own_weights(images):
    """MMPretrain's; the product of its two matrices starts at zero."""
    model = lora_model()
    backbone = small_backbone()
    state = backbone.state_dict()
    for name, value in model.module.state_dict().items():
        if '.lora_' not in name:
            value.copy_(state[name.replace('.original_layer', '')])
    (got,), (wanted,) = model(images), backbone(images)
    assert_close(got, wanted, rtol=1e-9, atol=1e-9)
    got.square().sum().backward()
    trained = {n for n, p in model.named_parameters() if p.grad is not None}
    assert trained and all('.lora_' in name for name in trained)
    assert len(trained) == 4 * sum(ARCH['depths'])
    with torch.no_grad():
        for name, value in model.named_parameters():
            if '.lora_up' in name:
                value.add_(0.1)
    assert not torch.allclose(model(images)[0], wanted)


def test_dynamic_quantization_runs(images):
    model = small_backbone().float().eval()
    small = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    assert 'DynamicQuantizedLinear' in str(small)
    with torch.no_grad():
        wanted, got = model(images.float())[0], small(images.float())[0]
    assert (got - wanted).abs().mean() < 0.1 * wanted.abs().mean()


@pytest.mark.parametrize('layer', ['depthwise_conv', 'pointwise_conv1'])
def test_pruned_weights_are_those_that_count(layer, images):
    model = small_backbone().eval()
    pruned = getattr(model.stages[2][0], layer)
    prune.l1_unstructured(pruned, 'weight', amount=0.5)
    got = model(images)[0]
    prune.remove(pruned, 'weight')
    assert (pruned.weight == 0).double().mean() >= 0.4
    assert_close(got, model(images)[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('layer', ['depthwise_conv', 'pointwise_conv2'])
def test_parametrized_weights_are_those_that_count(layer, images):
    class Half(nn.Module):
        def forward(self, weight):
            return weight / 2

    model = small_backbone().eval()
    changed = getattr(model.stages[2][0], layer)
    parametrize.register_parametrization(changed, 'weight', Half())
    got = model(images)[0]
    parametrize.remove_parametrizations(changed, 'weight')
    assert_close(got, model(images)[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ('layer', 'other'),
    [
        ('act', nn.ReLU()),
        ('act', nn.GELU(approximate='tanh')),
        ('norm', nn.Identity()),
        ('norm', nn.LayerNorm(4, elementwise_affine=False)),
        ('grn', nn.Dropout(0.0)),
        ('pointwise_conv1', nn.Linear(4, 16, bias=False).double()),
    ],
    ids=str,
)
def test_another_layer_is_called(layer, other):
    x = torch.randn(2, 5, 6, 4, dtype=torch.double)
    folds, plain = (
        randomize(ConvNeXtV2Block(4, fold_mlp=fold)) for fold in (True, False)
    )
    for module in (folds, plain):
        setattr(module, layer, other)
    got = folds(x, DenseLayout())
    assert_close(got, plain(x, DenseLayout()), rtol=0, atol=0)


def test_a_replaced_forward_is_called():
    """As some launchers wrap it in an instance."""
    module = randomize(ConvNeXtV2Block(4))
    x = torch.randn(2, 5, 6, 4, dtype=torch.double)
    module.pointwise_conv2.forward = lambda y: y[..., :4] * 0
    assert torch.equal(module(x, DenseLayout()), x)
