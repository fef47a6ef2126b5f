"""The folded MLP equals the plain one in values, gradients and precision."""

import pytest
import torch
from mmengine.analysis import get_model_complexity_info
from torch.testing import assert_close

from mmpretrain_plugin.models import ConvNeXtV2
from mmpretrain_plugin.models.layers import ConvNeXtV2Block
from mmpretrain_plugin.models.layouts.dense import DenseLayout
from tests.helpers.small_models import randomize

# More positions than channels, and fewer: folded weights, scaled activations.
SIZES = {'folds': (5, 6, 4), 'scales': (2, 3, 9)}
VERSIONS = {
    'v2': {},
    'v1': dict(use_grn=False, layer_scale_init_value=1.0),
    'both': dict(layer_scale_init_value=1.0),
    'neither': dict(use_grn=False),
}


def block_pair(channels, **options):
    """Two blocks with one set of weights, plain and folded."""
    pair = [
        randomize(ConvNeXtV2Block(channels, fold_mlp=fold, **options))
        for fold in (False, True)
    ]
    assert pair[0].state_dict().keys() == pair[1].state_dict().keys()
    return pair


def gradients(block, x, weight):
    """Output, and the gradients of input and parameters by name."""
    block.zero_grad()
    x = x.clone().requires_grad_()
    y = block(x, DenseLayout())
    (y * weight).sum().backward()
    named = {name: p.grad for name, p in block.named_parameters()}
    return {'y': y.detach(), 'x': x.grad, **named}


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('recompute', [True, False])
def test_equals_the_plain_block(size, version, recompute):
    *sides, channels = SIZES[size]
    plain, folded = block_pair(
        channels, recompute_mlp=recompute, **VERSIONS[version]
    )
    x, weight = torch.randn(2, 3, *sides, channels, dtype=torch.double)
    wanted = gradients(plain, x, weight)
    got = gradients(folded, x, weight)
    assert_close(got, wanted, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        assert_close(folded(x, DenseLayout()), wanted['y'])


@pytest.mark.parametrize('size', SIZES)
def test_gradients_equal_finite_differences(size):
    *sides, channels = SIZES[size]
    _, folded = block_pair(channels, layer_scale_init_value=1.0)
    x = torch.randn(2, *sides, channels, dtype=torch.double)
    names, values = zip(*folded.named_parameters())

    def run(x, *values):
        return torch.func.functional_call(
            folded, dict(zip(names, values)), (x, DenseLayout())
        )

    inputs = [v.detach().requires_grad_() for v in (x, *values)]
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


def test_all_zero_channels_have_no_gradient_through_their_norm():
    """Activations of exactly zero at all positions: 0/0 counts as 0."""
    plain, folded = block_pair(4)
    for block in (plain, folded):
        with torch.no_grad():
            block.pointwise_conv1.weight[3] = 0
            block.pointwise_conv1.bias[3] = 0
    x, weight = torch.randn(2, 1, 5, 5, 4, dtype=torch.double)
    wanted = gradients(plain, x, weight)
    got = gradients(folded, x, weight)
    assert_close(got, wanted, rtol=1e-9, atol=1e-9)  # NaN is not equal to NaN


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('recompute', [True, False])
def test_autocast_is_as_accurate_as_the_plain_block(size, dtype, recompute):
    *sides, channels = SIZES[size]
    pair = block_pair(channels, recompute_mlp=recompute)
    plain, folded = (b.float() for b in pair)
    x, weight = torch.randn(2, 3, *sides, channels)
    wanted = gradients(plain, x, weight)
    errors = []
    for block in (plain, folded):
        with torch.autocast('cpu', dtype=dtype):
            got = gradients(block, x, weight)
        assert got['y'].dtype == torch.float32  # that of the residual
        errors.append(
            {k: (got[k] - v).norm() / v.norm() for k, v in wanted.items()}
        )
    for name, error in errors[1].items():
        assert error < 2 * errors[0][name] + torch.finfo(dtype).eps, name


def test_fp16_norms_neither_overflow_nor_underflow():
    """Squares sum to more than 65504, or to less than fp16 can represent."""
    plain, folded = (b.float() for b in block_pair(4))
    for block in (plain, folded):
        with torch.no_grad():
            block.pointwise_conv1.weight[0] = 0
            block.pointwise_conv1.bias[0] = 1e-7
            block.pointwise_conv1.bias[1] = 60.0
    x, weight = torch.randn(2, 1, 128, 128, 4)
    wanted = gradients(plain, x, weight)
    with torch.autocast('cpu', dtype=torch.float16):
        got = gradients(folded, x, weight)
    for name, value in got.items():
        assert torch.isfinite(value).all(), name
    assert_close(got['y'], wanted['y'], rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize(
    ('recompute', 'wide'), [(True, 0), (False, 24), (None, 0)]
)
def test_only_narrow_tensors_are_saved_for_backward(recompute, wide):
    """None of the expanded width, or one without recomputation."""
    _, folded = block_pair(6, recompute_mlp=recompute)
    saved = []
    x = torch.randn(2, 8, 8, 6, dtype=torch.double, requires_grad=True)
    own = {p.data_ptr() for p in folded.parameters()}

    def pack(tensor):
        if tensor.data_ptr() not in own:
            saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        folded(x, DenseLayout())
    per_position = sum(t.numel() for t in saved) / (2 * 8 * 8)
    # The block's input, the MLP's input, and GRN's norms (24 / 64).
    assert per_position == 6 + 6 + 24 / 64 + wide


def test_expanded_features_of_few_positions_are_saved():
    """There recomputing costs more time and saves less memory."""
    _, folded = block_pair(6)
    saved = []

    def pack(tensor):
        saved.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        folded(torch.randn(2, 4, 6, 6, dtype=torch.double), DenseLayout())
    assert (2, 24, 24) in saved  # as many positions as channels
    saved.clear()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        folded(torch.randn(2, 5, 5, 6, dtype=torch.double), DenseLayout())
    assert (2, 25, 24) not in saved


@pytest.mark.parametrize('size', SIZES)
def test_checkpointing_changes_nothing(size):
    *sides, channels = SIZES[size]
    _, folded = block_pair(channels)
    x, weight = torch.randn(2, 3, *sides, channels, dtype=torch.double)
    wanted = gradients(folded, x, weight)
    folded.with_cp = True
    for name, value in gradients(folded, x, weight).items():
        assert torch.equal(value, wanted[name]), name


def test_compiles_to_one_graph():
    """Forward and backward."""
    _, folded = block_pair(4)
    x, weight = torch.randn(2, 3, 5, 6, 4, dtype=torch.double)
    wanted = gradients(folded, x, weight)
    compiled = torch.compile(folded, backend='aot_eager', fullgraph=True)
    x = x.clone().requires_grad_()
    folded.zero_grad()
    y = compiled(x, DenseLayout())
    (y * weight).sum().backward()
    assert_close(y.detach(), wanted['y'])
    assert_close(x.grad, wanted['x'])
    for name, parameter in folded.named_parameters():
        assert_close(parameter.grad, wanted[name])


@pytest.mark.parametrize(
    ('arch', 'billions'), [('atto', 0.55), ('pico', 1.37)]
)
def test_the_counter_of_mmengine_sees_all_operations(arch, billions):
    """The paper's Table 14; the counter leaves out LayerNorm, below 1%."""
    model = ConvNeXtV2(arch).eval()
    found = get_model_complexity_info(
        model, (3, 224, 224), show_table=False, show_arch=False
    )
    assert found['flops'] / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize('size', SIZES)
def test_export_records_the_layers(size):
    *sides, channels = SIZES[size]
    _, folded = block_pair(channels)
    x = torch.randn(2, *sides, channels, dtype=torch.double)
    program = torch.export.export(InModel(folded), (x,))
    names = {str(node.target) for node in program.graph.nodes}
    assert {'aten.linear.default', 'aten.gelu.default'} <= names
    assert_close(program.module()(x), folded(x, DenseLayout()))


class InModel(torch.nn.Module):
    """A block with its layout."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x, DenseLayout())


def test_tracing_records_the_operations():
    """FLOP counters and exporters cannot see inside a custom function."""
    _, folded = block_pair(4)
    x = torch.randn(2, 5, 6, 4, dtype=torch.double)

    traced = torch.jit.trace(InModel(folded), x)
    kinds = [node.kind() for node in traced.inlined_graph.nodes()]
    assert 'aten::linear' in kinds and 'prim::PythonOp' not in kinds
    assert_close(traced(x), folded(x, DenseLayout()))
