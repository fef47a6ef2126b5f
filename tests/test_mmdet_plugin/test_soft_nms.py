"""Soft-NMS for all classes at once equals mmcv's loop."""

import pytest
import torch
from mmcv.ops import batched_nms
from mmcv.ops import soft_nms as serial_soft_nms
from torch.testing import assert_close

from mmdet_plugin import soft_nms as module
from mmdet_plugin.soft_nms import soft_nms

METHODS = ('naive', 'linear', 'gaussian')
INF = float('inf')


def scene(boxes, objects, seed, size=400.0):
    """Boxes around a few objects, with scores no two of which are equal."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    centers = size * torch.rand(objects, 2, generator=generator)
    sides = 20 + 0.3 * size * torch.rand(objects, 2, generator=generator)
    which = torch.randint(objects, (boxes,), generator=generator)
    center = centers[which] + 0.15 * sides[which] * normal(boxes, 2)
    side = sides[which] * (0.2 * normal(boxes, 2)).exp()
    low = (center - side / 2).clamp(0, size - 1)
    high = (center + side / 2).clamp(max=size).maximum(low + 1)
    order = torch.randperm(boxes, generator=generator)
    return torch.cat([low, high], dim=1), (order + 0.5) / boxes


@pytest.fixture(params=['together', 'one by one', 'as it chooses'])
def way(request, monkeypatch):
    """On a CPU few boxes or groups go through mmcv's loop: also try all."""
    if request.param != 'as it chooses':
        monkeypatch.setattr(module, 'FEW_BOXES', 0)
    if request.param == 'together':
        monkeypatch.setattr(module, 'FEW_GROUPS', 0)


def assert_equal_results(boxes, scores, **options):
    got, kept = soft_nms(boxes, scores, **options)
    wanted, wanted_kept = serial_soft_nms(boxes, scores, **options)
    assert torch.equal(kept, wanted_kept)
    if options.get('method') == 'gaussian':  # exp of another library
        assert_close(got, wanted, rtol=1e-5, atol=1e-6)
    else:
        assert torch.equal(got, wanted)


@pytest.mark.parametrize('method', METHODS)
def test_a_crowd_beside_single_boxes_needs_no_large_table(method, monkeypatch):
    """A row of the crowd's length for every box would be 300 times the boxes.

    The crowd is also the best box by box, then in one row with others.
    """
    monkeypatch.setattr(module, 'FEW_GROUPS', 0)
    sizes = []
    tables = module.tables

    def watched(*columns):
        scores, index = tables(*columns)
        sizes.append(index.numel())
        return scores, index

    monkeypatch.setattr(module, 'tables', watched)
    crowd, _ = scene(300, objects=1, seed=0)
    corner = 500 + 20 * torch.arange(700)[:, None].float()
    single = torch.cat([corner, 0 * corner, corner + 9, 9 + 0 * corner], dim=1)
    boxes = torch.cat([crowd, single])
    scores = (torch.randperm(1000) + 0.5) / 1000
    assert_equal_results(boxes, scores, method=method, iou_threshold=0.5)
    assert sizes[0] <= 2 * (1000 + 300)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('seed', range(8))
def test_equals_mmcv_on_random_boxes(way, method, offset, seed):
    boxes, scores = scene(seed**2 * 8 + 1, objects=seed + 1, seed=seed)
    for iou_threshold in (0.0, 0.3, 0.7, 1.0):
        assert_equal_results(
            boxes, scores, method=method, offset=offset,
            iou_threshold=iou_threshold,
        )  # fmt: skip


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('min_score', [1e-9, 0.2, 2.0])
def test_equals_mmcv_at_any_least_score(way, method, min_score):
    """Above all scores one box stays."""
    boxes, scores = scene(60, objects=3, seed=1)
    assert_equal_results(boxes, scores, method=method, min_score=min_score)


@pytest.mark.parametrize('method', METHODS)
def test_nothing_is_dropped_without_a_least_score(way, method):
    boxes, scores = scene(60, objects=3, seed=1)
    options = dict(method=method, min_score=0.0)
    got, kept = soft_nms(boxes, scores, **options)
    wanted, wanted_kept = serial_soft_nms(boxes, scores, **options)
    assert sorted(kept) == sorted(wanted_kept) == list(range(60))
    assert_close(got[:, 4], wanted[:, 4], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('method', METHODS)
def test_equals_mmcv_for_many_classes(method):
    """Through the host's own function, by the name that configs give."""
    classes = 30
    parts = [scene(40, objects=4, seed=seed) for seed in range(classes)]
    boxes = torch.cat([part[0] for part in parts])
    order = torch.randperm(len(boxes))
    scores = (order + 0.5) / len(boxes)
    labels = torch.arange(classes).repeat_interleave(40)
    results = [
        batched_nms(
            boxes, scores, labels,
            dict(type=name, iou_threshold=0.5, method=method),
        )
        for name in ('torch.ops.convnextv2.soft_nms', 'soft_nms')
    ]  # fmt: skip
    (got, kept), (wanted, wanted_kept) = results
    assert_close(got[:, 4], wanted[:, 4], rtol=1e-5, atol=1e-6)
    if method == 'gaussian':  # whose last digits order close scores
        new, old = torch.zeros(2, len(boxes))
        new[kept], old[wanted_kept] = got[:, 4], wanted[:, 4]
        assert_close(new, old, rtol=1e-5, atol=1e-6)
        return
    assert torch.equal(kept, wanted_kept) and torch.equal(got, wanted)
    # One class after the other, without moving them apart.
    for label in range(classes):
        mine = kept[labels[kept] == label]
        own = torch.nonzero(labels == label).flatten()
        _, alone = serial_soft_nms(
            boxes[own], scores[own], iou_threshold=0.5, method=method
        )
        assert torch.equal(mine, own[alone])


DEGENERATE = {
    'a point': [[5, 5, 5, 5]],
    'a line': [[0, 0, 10, 0], [0, 0, 10, 0.5]],
    'lines': [[0, 0, 10, 0], [0, 0, 10, 0.5], [5, 0, 5, 9]],
    'inside out': [[9, 9, 1, 1], [0, 0, 10, 10]],
    'one box often': [[1, 1, 4, 4]] * 5,
    'touching': [[0, 0, 2, 2], [2, 0, 4, 2], [4, 0, 6, 2], [1, 0, 3, 2]],
    'nested': [[0, 0, 9, 9], [1, 1, 8, 8], [2, 2, 7, 7]],
    'negative': [[-9, -9, -1, -1], [-8, -8, 0, 0], [3, 3, 4, 4]],
    'far away': [[1e6, 0, 1e6 + 8, 8], [0, 0, 8, 8], [1e6 + 1, 0, 1e6 + 9, 8]],
}


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('kind', DEGENERATE)
@pytest.mark.parametrize('offset', [0, 1])
def test_equals_mmcv_on_degenerate_boxes(way, method, kind, offset):
    if (kind, method, offset) == ('lines', 'gaussian', 0):
        kind = 'a line'  # two of them are the next test's
    boxes = torch.tensor(DEGENERATE[kind], dtype=torch.float)
    scores = 0.9 - 0.1 * torch.arange(float(len(boxes)))
    assert_equal_results(boxes, scores, method=method, offset=offset)


def test_points_upon_each_other_do_not_overlap(way):
    """0/0; mmcv's loop gives them the score NaN."""
    boxes = torch.tensor([[5.0, 5.0, 5.0, 5.0]] * 3)
    scores = torch.tensor([0.3, 0.9, 0.5])
    got, kept = soft_nms(boxes, scores, method='gaussian')
    assert kept.tolist() == [1, 2, 0]
    assert_close(got[:, 4], scores[kept])


def test_equal_scores_come_as_they_were_given(way, monkeypatch):
    if module.FEW_GROUPS:  # one by one, though every box is a group
        monkeypatch.setattr(module, 'FEW_GROUPS', 99)
    boxes = torch.tensor([[i * 20.0, 0, i * 20 + 9, 9] for i in range(40)])
    _, kept = soft_nms(boxes, torch.full((40,), 0.5))
    assert kept.tolist() == list(range(40))


@pytest.mark.parametrize('method', ['naive', 'linear'])
def test_flat_boxes_go_through_the_loop_of_mmcv_too(method, monkeypatch):
    monkeypatch.delattr(module, 'together')
    boxes, scores = scene(600, objects=5, seed=0)
    boxes[::7, 2] = boxes[::7, 0]
    assert_equal_results(boxes, scores, method=method)


@pytest.mark.parametrize('sides', [(1e-30, 1e-30), (-20, 10)])
def test_areas_that_vanish_do_not_overlap(way, sides):
    boxes = torch.tensor([[0.0, 0, *sides]] * 3 + [[0.0, 0, 20, 10]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    got, kept = soft_nms(boxes, scores, method='gaussian')
    assert torch.equal(got[:, 4], scores[kept])


def test_the_offset_counts_where_fp32_has_no_odd_numbers(way):
    boxes = torch.tensor([[2.0**24, 0, 2**24, 9]] * 2)
    scores = torch.tensor([0.9, 0.8])
    assert_equal_results(boxes, scores, offset=1, method='naive')


@pytest.mark.parametrize('method', ['linear', 'gaussian'])
def test_groups_stay_apart_without_a_threshold(method, monkeypatch):
    monkeypatch.setattr(module, 'FEW_BOXES', 0)
    seen = []
    each = module.each
    monkeypatch.setattr(
        module, 'each', lambda *args: seen.append(args[2]) or each(*args)
    )
    boxes, scores = scene(100, objects=2, seed=0)
    boxes[50:] += 1000
    assert_equal_results(boxes, scores, iou_threshold=0.0, method=method)
    assert seen[0].max() > 0


NUMBERS = [-INF, -3e38, -2.5, -1e-45, -0.0, 0.0, 1e-45, 0.5, 2.5, 3e38, INF]


def test_ranks_are_in_the_order_of_numbers():
    numbers = torch.tensor(NUMBERS)
    ranks = module.rank(numbers)
    for one, rank in zip(numbers, ranks):
        assert torch.equal(ranks < rank, numbers < one)


@pytest.mark.parametrize('bound', NUMBERS[1:])
def test_what_is_above_the_number_before_is_not_less(bound):
    numbers = torch.tensor([*NUMBERS, 0.49999997, 0.50000006])
    above = numbers > module.before(bound)
    assert torch.equal(above, numbers >= torch.tensor(bound))


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('score', [float('nan'), -INF])
def test_scores_that_are_no_numbers_give_none(method, score):
    boxes, scores = scene(300, objects=3, seed=0)
    _, kept = module.together(
        boxes,
        scores * 0 + score,
        torch.zeros(300, dtype=torch.long),
        module.Options(0.5, 0.5, 1e-3, method, 0),
    )
    assert len(kept) == 0


def test_no_boxes_give_none():
    boxes, scores = torch.zeros(0, 4), torch.zeros(0)
    got, kept = soft_nms(boxes, scores)
    assert got.shape == (0, 5) and kept.shape == (0,)
    assert kept.dtype == torch.long


def test_inputs_stay_as_they_are(way):
    boxes, scores = scene(50, objects=3, seed=0)
    before = boxes.clone(), scores.clone()
    soft_nms(boxes, scores)
    assert torch.equal(boxes, before[0]) and torch.equal(scores, before[1])


@pytest.mark.parametrize(
    ('shape', 'number', 'options', 'message'),
    [
        ((3, 5), 3, {}, r'boxes must be \(N, 4\)'),
        ((3, 4), 2, {}, '3 boxes have 2 scores'),
        ((3, 4), 3, dict(method='cubic'), "'cubic'"),
        ((3, 4), 3, dict(offset=2), 'offset must be 0 or 1, got 2'),
        ((3, 4), 3, dict(method='gaussian', sigma=0.0), 'above 0, got 0.0'),
    ],
)
def test_wrong_arguments_are_named(shape, number, options, message):
    with pytest.raises(ValueError, match=message):
        soft_nms(torch.zeros(shape), torch.zeros(number), **options)
