"""Benchmarks run, measurements are right, the page shows the results."""

import json
import math
import sys
import weakref
from pathlib import Path
from unittest import mock

import decoder_step
import fcmae_step
import make_page
import measure
import pytest
import roofline
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
    'decoder_step': '--size atto --batch 1 --pixels 64',
    'masking_cost': '--pixels 64 --batch 1 --ratios 0.5 0.75',
    'soft_nms': '',
    'training_loop': '--sizes atto femto --batch 2 --workers 1 --length 8',
    'data_loading': '',
    'large_data': '--files 20 --side 600',
    'memory_per_size': '--sizes atto femto --pixels 64',
}
NAMES = sorted(
    path.stem
    for path in (ROOT / 'benchmarks').glob('*.py')
    if 'def main' in path.read_text()
)


def test_every_benchmark_is_tested():
    assert sorted(QUICK) == NAMES


def sample_few_boxes(module, monkeypatch):
    """Train Mask R-CNN on 8 instead of 512 boxes per image."""
    build = module.build

    def build_fast(*args):
        model = build(*args)
        if hasattr(model, 'roi_head'):
            model.roi_head.bbox_sampler.num = 8
        return model

    monkeypatch.setattr(module, 'build', build_fast)


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_benchmarks_save_the_table_that_they_print(
    name, tmp_path, capsys, monkeypatch
):
    module = __import__(name)
    if name == 'soft_nms':
        monkeypatch.setattr(module, 'COUNTS', (1, 20))
    if name == 'data_loading':
        monkeypatch.setattr(module, 'SIZES', ((50, 40), (500, 400)))
    if name == 'downstream_step':
        sample_few_boxes(module, monkeypatch)
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
            is_measured = 'difference' not in column
            if isinstance(value, float) and is_measured:
                assert value > 0, (column, value)


@pytest.mark.parametrize('encoding', ['dense', 'packed'])
def test_models_differ_in_nothing_but_the_decoder(encoding):
    """The same loss and gradients can be computed with each."""
    images, mask = torch.randn(2, 3, 64, 64), some_mask(grid=(2, 2), hidden=2)
    kinds, encoders = [], []
    for _, stem, _ in decoder_step.DECODERS:
        model = decoder_step.build(stem, 'atto', encoding)
        assert model.encoding == encoding
        model.loss(images, mask=mask)['loss'].backward()
        assert all(p.grad is not None for p in model.parameters())
        kinds.append((type(model.neck).__name__, vars(model.neck).get('skip')))
        shapes = {n: p.shape for n, p in model.backbone.named_parameters()}
        encoders.append(shapes)
    assert len(set(kinds)) == 4
    assert all(encoder == encoders[0] for encoder in encoders)
    assert not any('grn' in name for name in encoders[0])  # V1, as in Table 1


def test_variants_are_interleaved():
    calls = []
    variants = {name: lambda n=name: calls.append(n) for name in 'ab'}
    seconds = measure.medians(variants, rounds=3, device='cpu')
    assert calls == list('ab' * 4)  # the first round is not timed
    assert set(seconds) == {'a', 'b'}


def test_tensors_saved_for_backward_are_counted_once():
    x = torch.randn(3, 5, requires_grad=True)
    weight = torch.randn(5, 7, requires_grad=True)

    def forward():
        y = (x @ weight).exp()  # saves x, weight and the result
        return y * y  # saves y twice

    saved = measure.saved_for_backward(forward, [x, weight])
    assert saved == 3 * 7 * 4
    assert measure.saved_for_backward(forward, [x]) == (3 * 7 + 5 * 7) * 4


def test_peak_memory_on_a_cpu_is_the_maximum_in_use():
    """Gradients that existed before the step are included."""
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
    """Function with a weak reference to its context."""

    contexts = []

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        SavesItsOutput.contexts.append(weakref.ref(ctx))
        return y


def test_counting_leaves_no_reference_cycles():
    """A hook that returns a saved output itself would make one."""
    x = torch.randn(4, requires_grad=True)
    assert (
        measure.saved_for_backward(lambda: SavesItsOutput.apply(x), [x]) == 16
    )
    assert SavesItsOutput.contexts.pop()() is None


@pytest.mark.parametrize('arch', TABLE_14)
def test_the_roofline_counts_the_papers_operations_and_all_weights(arch):
    layers = roofline.pretraining(arch, 'encoder', 1, cells=49, visible=49)
    operations = sum(x.multiply_adds + 5 * x.normalized for x in layers)
    _, giga = TABLE_14[arch]
    assert printed(operations / 1e9, giga) == giga
    model = complexity.build(
        dict(type='ConvNeXtV2', arch=arch, final_norm=False), 'mmpretrain'
    )
    _, counted = complexity.of_backbone(arch, 224)
    assert operations == counted - 5 * model.channels[-1]  # of the last norm
    weights = sum(layer.weights for layer in layers)
    assert weights == complexity.parameters(model)

    full = roofline.pretraining(arch, 'full model', 1, cells=49, visible=19)
    neck = dict(type='FCMAEDecoder', in_channels=model.channels[-1])
    neck = complexity.build(neck, 'mmpretrain')
    weights += complexity.parameters(neck) - neck.mask_token.numel()
    assert sum(layer.weights for layer in full) == weights


def test_layers_move_what_is_counted_by_hand():
    """One patch, a stem of 2 channels, and one block: 8 x 8 positions."""
    stem, depthwise, mlp = roofline.encoder([1], [2], images=1, visible=1)
    pixels, features = 32 * 32 * 3, 64 * 2
    weights = 4 * 4 * 3 * 2 + 2 + 4
    forward = pixels + weights + features
    # Backward reads the same and writes its weights' gradient, no pixels'.
    assert stem.passes()[0][1] == forward
    assert stem.passes()[1][1] == forward + weights
    weights = 49 * 2 + 2
    forward, backward = depthwise.passes()
    assert forward == (2 * 49 * features, 2 * features + weights)
    assert backward == (4 * 49 * features, 3 * features + 2 * weights)
    weights = (2 * 8 + 8) + (8 * 2 + 2) + 2 * 2 + 2 * 8
    flops = 2 * 64 * (2 * 8 + 8 * 2) + 5 * features
    forward, backward = mlp.passes()  # which reads the shortcut too
    assert forward == (flops, 3 * features + weights)
    assert backward == (2 * flops, 4 * features + 2 * weights)


def test_the_bound_is_the_slower_of_computing_and_moving():
    layers = roofline.encoder([1], [2], images=1, visible=1)
    passes = [one for layer in layers for one in layer.passes()]
    flops, moved = (sum(column) for column in zip(*passes))
    inf = float('inf')
    assert (
        roofline.seconds(layers, roofline.Throughput(10, inf, 4)) == flops / 10
    )
    assert (
        roofline.seconds(layers, roofline.Throughput(inf, 10, 4))
        == 4 * moved / 10
    )
    balanced = roofline.seconds(layers, roofline.Throughput(10, 10, 1))
    assert max(flops, moved) / 10 <= balanced < (flops + moved) / 10


@pytest.mark.parametrize('part', ['encoder', 'full model'])
def test_the_bound_grows_with_batch_and_visible_patches(part):
    throughput = roofline.Throughput(flops=1e12, bytes=1e10, bytes_each=4)

    def least(images, visible):
        layers = roofline.pretraining('atto', part, images, 49, visible)
        return roofline.seconds(layers, throughput)

    # Less than twice, as weights are read once.
    assert least(8, 19) < least(16, 19) < 2 * least(8, 19)
    assert least(8, 19) < least(8, 20) < least(8, 49)


def spark_and_ours():
    ours = small_backbone(final_norm=False)
    spark = fcmae_step.SparK(ours.depths, ours.channels).double()
    return spark, ours


def compare_encoders(spark, ours):
    spark.encoder.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    mask = some_mask(grid=(2, 2), hidden=2)
    for encoding in ('packed', 'dense'):
        assert_close(spark(x, mask), ours(x, mask, encoding)[0])


def test_spark_computes_the_same():
    """If the biases before GELU are zero, as they are initialized."""
    spark, ours = spark_and_ours()
    for name, parameter in ours.named_parameters():
        if name.endswith('pointwise_conv1.bias'):
            torch.nn.init.zeros_(parameter)
    compare_encoders(spark, ours)


def test_the_grn_of_spark_counts_hidden_positions():
    """Without them both are equal, so there is no other difference."""
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


def test_the_summary_compares_with_the_best_of_the_others():
    rows = [
        {'name': 'ours', 'images/s': 6, 'saved MiB': 10},
        {'name': 'mmpretrain', 'images/s': 2, 'saved MiB': 40},
        {'name': 'mmpretrain, channels-last', 'images/s': 3, 'saved MiB': 50},
        {'name': 'timm', 'images/s': 99, 'saved MiB': 1},
    ]
    theirs = ('name', 'mmpretrain')
    assert summary.ratio(rows, *theirs, 'images/s') == 2
    assert summary.ratio(rows, *theirs, 'saved MiB') == 0.25


def test_every_goal_is_in_the_summary():
    lines = make_page.overview().splitlines()
    for (step, others), goals in summary.GOALS.items():
        found = [x for x in lines if x.startswith(f'| {step} | {others} |')]
        assert len(found) == 1, step
        for goal in goals:
            assert goal is None or f'= {goal} |' in found[0]


def test_numbers_in_the_text_equal_those_of_the_tables():
    def rows(name):
        path = make_page.RESULTS / f'{name}_cpu.json'
        return json.loads(path.read_text())['rows']

    page = ' '.join(make_page.PAGE.read_text().split())
    huge = rows('memory_per_size')[-1]
    weights = huge['weights to moments, GiB']
    image = huge['FCMAE 224, MiB per image']
    total = weights + 64 * image / 1024
    text = f'{weights:.1f} GiB plus 64 times {image:.0f} MiB: {total:.1f} GiB'
    assert text in page
    first = rows('data_loading')[0]
    cores = math.ceil(3000 / first['images/s per core'])
    size = first['pixels']
    assert f'needs {cores} cores for files of {size} pixels' in page
    share = {
        (row['pixels'], row['mask ratio']): f'{row["time share"]:.2f}'
        for row in rows('masking_cost')
    }
    assert f'a step of atto takes {share[224, 0.6]} of the time' in page
    assert f'At 0.2 and 384 pixels it takes {share[384, 0.2]}:' in page


def test_missing_results_are_marked_as_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(make_page, 'RESULTS', tmp_path)
    assert make_page.section('fcmae_step_cuda').startswith('Not measured')
