"""Benchmarks run and measure what they claim; the page shows the results."""

import json
import math
import sys
import weakref
from pathlib import Path
from unittest import mock

import fcmae_step
import floor
import make_page
import measure
import pytest
import summary
import torch
from mmpretrain.models.utils.norm import GRN
from mmpretrain.models.utils.sparse_modules import SparseHelper
from torch.testing import assert_close

from tests.helpers import complexity
from tests.helpers.small_models import small_backbone, some_mask
from tests.test_configs.test_tables import TABLE_14, printed

ROOT = Path(__file__).resolve().parents[1]
QUICK = {
    'fcmae_step': '--sizes atto --batch 1 --pixels 64',
    'backbone_step': '--size atto --pixels 32 --batch 1',
    'downstream_step': '--size atto --pixels 64',
    'masking_cost': '--pixels 64 --batch 1 --ratios 0.5 0.75',
    'soft_nms': '',
    'data_loading': '',
    'memory_per_size': '--sizes atto femto --pixels 64',
}
NAMES = sorted(
    path.stem
    for path in (ROOT / 'benchmarks').glob('*.py')
    if 'def main' in path.read_text()
)


def test_every_benchmark_is_tested():
    assert sorted(QUICK) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_results_are_printed_and_written(name, tmp_path, capsys, monkeypatch):
    module = __import__(name)
    if name == 'soft_nms':
        monkeypatch.setattr(module, 'CASES', ((20, 3), (1, 1)))
    if name == 'data_loading':
        monkeypatch.setattr(module, 'COUNT', 2)
    words = [name, *QUICK[name].split(), '--device', 'cpu']
    if name != 'memory_per_size':
        words += ['--rounds', '1']
    threads = torch.get_num_threads()
    with mock.patch.object(sys, 'argv', [*words, '--out', str(tmp_path)]):
        module.main()
    torch.set_num_threads(threads)
    content = json.loads((tmp_path / f'{name}_cpu.json').read_text())
    assert content['settings']['device'] == 'cpu'
    assert content['machine']['device'] and content['machine']['torch']
    rows = content['rows']
    assert len(rows) > 1 and all(row.keys() == rows[0].keys() for row in rows)
    printed = capsys.readouterr().out
    for value in rows[0].values():
        assert measure.cell(value).split()[0] in printed
    for row in rows:
        for column, value in row.items():
            is_measured = column != 'largest difference'
            if isinstance(value, float) and is_measured:
                assert value > 0, (column, value)


def test_variants_are_interleaved():
    calls = []
    ways = {name: lambda n=name: calls.append(n) for name in 'ab'}
    seconds = measure.medians(ways, rounds=3, device='cpu')
    assert calls == list('ab' * 4)  # the first round is not timed
    assert set(seconds) == {'a', 'b'}


def test_memory_saved_for_backward_counts_each_tensor_once():
    x = torch.randn(3, 5, requires_grad=True)
    weight = torch.randn(5, 7, requires_grad=True)

    def forward():
        y = (x @ weight).exp()  # saved: x, weight, and the result
        return y * y  # saved: y twice

    kept = measure.kept_for_backward(forward, [x, weight])
    assert kept == 3 * 7 * 4
    assert measure.kept_for_backward(forward, [x]) == (3 * 7 + 5 * 7) * 4


def test_peak_memory_on_a_cpu():
    """Gradients that exist before the step count as well."""
    model = torch.nn.Linear(2**12, 2**12)  # 64 MiB

    def step():
        model.zero_grad(set_to_none=True)
        for _ in range(3):
            torch.ones(2**24)  # 64 MiB, freed again
        model.weight.grad = torch.ones(2**12, 2**12)
        torch.ones(2**24)

    step()
    assert measure.peak(step, model, 'cpu') == pytest.approx(128, abs=4)


class SavesItsOutput(torch.autograd.Function):
    """Records a weak reference that dies with its graph."""

    marks = []

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        SavesItsOutput.marks.append(weakref.ref(ctx))
        return y


def test_the_graph_is_freed_after_measuring():
    """A saved output that the hook returns unchanged would be a cycle."""
    x = torch.randn(4, requires_grad=True)
    assert (
        measure.kept_for_backward(lambda: SavesItsOutput.apply(x), [x]) == 16
    )
    assert SavesItsOutput.marks.pop()() is None


@pytest.mark.parametrize('arch', TABLE_14)
def test_the_roofline_bound_has_all_operations_and_weights(arch):
    layers = floor.pretraining(arch, 'encoder', 1, cells=49, visible=49)
    operations = sum(x.multiply_adds + 5 * x.normalized for x in layers)
    _, giga = TABLE_14[arch]
    assert printed(operations / 1e9, giga) == giga
    model = complexity.build(dict(type='ConvNeXtV2', arch=arch), 'mmpretrain')
    _, counted = complexity.of_backbone(arch, 224)
    assert operations == counted - 5 * model.channels[-1]  # of the last norm
    model.remove_final_norm()
    weights = sum(layer.weights for layer in layers)
    assert weights == complexity.parameters(model)

    whole = floor.pretraining(arch, 'whole', 1, cells=49, visible=19)
    neck = dict(type='FCMAEDecoder', in_channels=model.channels[-1])
    neck = complexity.build(neck, 'mmpretrain')
    weights += complexity.parameters(neck) - neck.mask_token.numel()
    assert sum(layer.weights for layer in whole) == weights


def test_memory_traffic_of_layers_equals_a_calculation_by_hand():
    """One patch, a stem of 2 channels, and one block: 8 x 8 positions."""
    stem, depthwise, mlp = floor.encoder([1], [2], images=1, visible=1)
    pixels, values = 32 * 32 * 3, 64 * 2
    weights = 4 * 4 * 3 * 2 + 2 + 4
    forward = pixels + weights + values
    # Backward reads the same and writes gradients of weights, not of pixels.
    assert stem.passes()[0][1] == forward
    assert stem.passes()[1][1] == forward + weights
    weights = 49 * 2 + 2
    forward, backward = depthwise.passes()
    assert forward == (2 * 49 * values, 2 * values + weights)
    assert backward == (4 * 49 * values, 3 * values + 2 * weights)
    weights = (2 * 8 + 8) + (8 * 2 + 2) + 2 * 2 + 2 * 8
    flops = 2 * 64 * (2 * 8 + 8 * 2) + 5 * values
    forward, backward = mlp.passes()  # also reads the shortcut
    assert forward == (flops, 3 * values + weights)
    assert backward == (2 * flops, 4 * values + 2 * weights)


def test_the_roofline_bound_is_the_slower_of_compute_and_traffic():
    layers = floor.encoder([1], [2], images=1, visible=1)
    passes = [one for layer in layers for one in layer.passes()]
    flops, moved = (sum(column) for column in zip(*passes))
    inf = float('inf')
    assert floor.seconds(layers, floor.Roof(10, inf, 4)) == flops / 10
    assert floor.seconds(layers, floor.Roof(inf, 10, 4)) == 4 * moved / 10
    balanced = floor.seconds(layers, floor.Roof(10, 10, 1))
    assert max(flops, moved) / 10 <= balanced < (flops + moved) / 10


@pytest.mark.parametrize('part', ['encoder', 'whole'])
def test_the_roofline_bound_grows_with_batch_and_visible_patches(part):
    roof = floor.Roof(flops=1e12, bytes=1e10, bytes_each=4)

    def least(images, visible):
        layers = floor.pretraining('atto', part, images, 49, visible)
        return floor.seconds(layers, roof)

    # Less than twice, as weights are read once.
    assert least(8, 19) < least(16, 19) < 2 * least(8, 19)
    assert least(8, 19) < least(8, 20) < least(8, 49)


def spark_and_ours():
    ours = small_backbone()
    ours.remove_final_norm()
    spark = fcmae_step.SparK(ours.depths, ours.channels).double()
    return spark, ours


def compare_encoders(spark, ours):
    spark.encoder.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    mask = some_mask(grid=(2, 2), hidden=2)
    for encoding in ('packed', 'dense'):
        assert_close(spark(x, mask), ours(x, mask, encoding)[0])


def test_spark_computes_the_same_with_zero_biases():
    """The biases before GELU are zero at initialization."""
    spark, ours = spark_and_ours()
    for name, parameter in ours.named_parameters():
        if name.endswith('pointwise_conv1.bias'):
            torch.nn.init.zeros_(parameter)
    compare_encoders(spark, ours)


def test_the_grn_of_spark_includes_hidden_positions():
    """There is no other difference: without them both are equal."""
    spark, ours = spark_and_ours()
    with pytest.raises(AssertionError):
        compare_encoders(spark, ours)

    def hide(grn, inputs):
        side = inputs[0].shape[1]
        visible = SparseHelper._get_active_map_or_index(side)
        return inputs[0] * visible.permute(0, 2, 3, 1)

    for module in spark.modules():
        if isinstance(module, GRN):
            module.register_forward_pre_hook(hide)
    compare_encoders(spark, ours)


def test_the_page_shows_the_results():
    """To update the page, run benchmarks/make_page.py."""
    page = make_page.PAGE.read_text()
    assert make_page.fill(page) == page
    for name in NAMES:
        assert f'<!-- {name}_cpu -->' in page, name
        assert f'python benchmarks/{name}.py' in page, name


def test_the_summary_compares_with_the_best_alternative():
    rows = [
        {'name': 'ours', 'images/s': 6, 'kept MiB': 10},
        {'name': 'mmpretrain', 'images/s': 2, 'kept MiB': 40},
        {'name': 'mmpretrain, channels-last', 'images/s': 3, 'kept MiB': 50},
        {'name': 'timm', 'images/s': 99, 'kept MiB': 1},
    ]
    theirs = ('name', 'mmpretrain')
    assert summary.ratio(rows, *theirs, 'images/s') == 2
    assert summary.ratio(rows, *theirs, 'kept MiB') == 0.25


def test_every_goal_is_in_the_summary():
    lines = make_page.overview().splitlines()
    for (step, others), goals in summary.GOALS.items():
        found = [x for x in lines if x.startswith(f'| {step} | {others} |')]
        assert len(found) == 1, step
        for goal in goals:
            assert goal is None or f'= {goal} |' in found[0]


def test_numbers_in_the_text_are_those_of_the_tables():
    def rows(name):
        path = make_page.RESULTS / f'{name}_cpu.json'
        return json.loads(path.read_text())['rows']

    page = ' '.join(make_page.PAGE.read_text().split())
    huge = rows('memory_per_size')[-1]
    weights = huge['weights to moments, GiB']
    image = huge['FCMAE 224, MiB per image']
    total = weights + 64 * image / 1024
    text = f'{weights:.1f} GiB and 64 times {image:.0f} MiB, {total:.1f} GiB'
    assert text in page
    as_is, opencv = (
        math.ceil(3000 / row['images/s per core'])
        for row in rows('data_loading')[:2]
    )
    assert f'needs {as_is} cores' in page
    assert f'and {opencv} that crop with OpenCV' in page
    share = {
        (row['pixels'], row['mask ratio']): f'{row["time share"]:.2f}'
        for row in rows('masking_cost')
    }
    assert f'a step of atto costs {share[224, 0.6]} of whole' in page
    assert f'At 0.2 and 384 pixels it costs {share[384, 0.2]}:' in page


def test_missing_results_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(make_page, 'RESULTS', tmp_path)
    assert make_page.section('fcmae_step_cuda').startswith('Not measured')
