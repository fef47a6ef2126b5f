"""Benchmarks run, measure what they say, and their page is their results."""

import json
import sys
import weakref
from pathlib import Path
from unittest import mock

import make_page
import measure
import pytest
import torch

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


def test_every_benchmark_is_tried():
    assert sorted(QUICK) == NAMES


@pytest.mark.parametrize('name', NAMES)
def test_it_runs_and_writes_what_it_prints(
    name, tmp_path, capsys, monkeypatch
):
    module = __import__(name)
    if name == 'soft_nms':
        monkeypatch.setattr(module, 'CASES', ((20, 3), (1, 1)))
    if name == 'data_loading':
        monkeypatch.setattr(module, 'COUNT', 2)
    words = [name, *QUICK[name].split(), '--device', 'cpu', '--rounds', '1']
    threads = torch.get_num_threads()
    with mock.patch.object(sys, 'argv', [*words, '--out', str(tmp_path)]):
        module.main()
    torch.set_num_threads(threads)
    content = json.loads((tmp_path / f'{name}_cpu.json').read_text())
    assert content['settings']['rounds'] == 1
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


def test_ways_take_turns():
    calls = []
    ways = {name: lambda n=name: calls.append(n) for name in 'ab'}
    seconds = measure.medians(ways, rounds=3, device='cpu')
    assert calls == list('ab' * 4)  # the first turn is not timed
    assert set(seconds) == {'a', 'b'}


def test_what_backward_keeps_is_counted_once():
    x = torch.randn(3, 5, requires_grad=True)
    weight = torch.randn(5, 7, requires_grad=True)

    def forward():
        y = (x @ weight).exp()  # kept: x, weight, and the result
        return y * y  # kept: y twice

    kept = measure.kept_for_backward(forward, [x, weight])
    assert kept == 3 * 7 * 4
    assert measure.kept_for_backward(forward, [x]) == (3 * 7 + 5 * 7) * 4


class SavesItsOutput(torch.autograd.Function):
    """Leaves a mark that lives as long as its graph."""

    marks = []

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        SavesItsOutput.marks.append(weakref.ref(ctx))
        return y


def test_nothing_stays_after_counting():
    """A saved output that the hook returns as it is would be a cycle."""
    x = torch.randn(4, requires_grad=True)
    assert (
        measure.kept_for_backward(lambda: SavesItsOutput.apply(x), [x]) == 16
    )
    assert SavesItsOutput.marks.pop()() is None


def test_the_page_shows_the_results():
    """Remedy: python benchmarks/make_page.py."""
    page = make_page.PAGE.read_text()
    assert make_page.fill(page) == page
    for name in NAMES:
        assert f'<!-- {name}_cpu -->' in page, name
        assert f'python benchmarks/{name}.py' in page, name


def test_what_was_not_measured_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(make_page, 'RESULTS', tmp_path)
    assert make_page.section('fcmae_step_cuda').startswith('Not measured')
