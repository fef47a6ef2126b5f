"""Measures of a backbone, image by image, do not depend on batches."""

import pytest
import torch
from torch import nn

from mmpretrain_plugin.analysis import (
    collect_features,
    find_blocks,
    measure_backbone,
)
from tests.helpers.small_models import small_backbone
from tests.reference import feature_measures

LABELS = torch.tensor([0, 1, 1, 0, 1])


@pytest.fixture
def images():
    return torch.randn(5, 3, 64, 64).double()


def measure(backbone, images, sizes, labeled=True):
    parts = images.split(sizes)
    labels = LABELS.split(sizes) if labeled else [None] * len(parts)
    return measure_backbone(backbone, zip(parts, labels), 2 * labeled)


def test_measures_are_averages_of_the_definitions(images):
    backbone = small_backbone().eval()
    got = measure(backbone, images, [5])
    features = collect_features(backbone, images)
    assert [b['name'] for b in got.blocks] == [
        'stages.0.0', 'stages.1.0', 'stages.2.0', 'stages.2.1', 'stages.3.0'
    ]  # fmt: skip
    assert {b['normalization'] for b in got.blocks} == {'GRN'}
    assert [b['depth'] for b in got.blocks] == [0, 0.25, 0.5, 0.75, 1]
    for block, taps in list(zip(got.blocks, features))[1:]:  # the first: slow
        for tap in ('activation', 'normalized'):
            tables = [image.tolist() for image in taps[tap]]
            silent = [feature_measures.silent(t, 0.01) for t in tables]
            saturated = [
                feature_measures.saturated(t, 0.1, 0.01) for t in tables
            ]
            for name, values in (
                ('cosine_distance',
                 [feature_measures.cosine_distance(t) for t in tables]),
                ('effective_rank',
                 [feature_measures.effective_rank(t) for t in tables]),
                ('silent', [sum(s) / len(s) for s in silent]),
                ('saturated', [sum(s) / len(s) for s in saturated]),
            ):  # fmt: skip
                expected = sum(values) / len(values)
                assert block[tap][name] == pytest.approx(expected, rel=1e-5)
            for name, flags in (('silent', silent), ('saturated', saturated)):
                always = [all(channel) for channel in zip(*flags)]
                expected = sum(always) / len(always)
                assert block[tap][f'{name}_always'] == expected
    pooled = features[-1]['output'].mean(dim=1)
    torch.testing.assert_close(
        got.pooled.double(), pooled, rtol=1e-5, atol=1e-5
    )


def test_selectivity_is_that_of_the_block_outputs(images):
    backbone = small_backbone().eval()
    got = measure(backbone, images, [2, 3])
    assert torch.equal(got.labels, LABELS)
    for block, taps in zip(got.blocks, collect_features(backbone, images)):
        index = feature_measures.class_selectivity(
            taps['output'].tolist(), LABELS.tolist()
        )
        active = [value for value in index if value == value]
        found = block['selectivity']
        assert found['mean'] == pytest.approx(sum(active) / len(active))
        assert found['inactive'] == len(index) - len(active)
        bins = [min(int(value * 25), 24) for value in active]
        assert found['counts'] == [bins.count(i) for i in range(25)]


def flatten(node):
    """Return all numbers of nested results."""
    if isinstance(node, dict):
        return [x for value in node.values() for x in flatten(value)]
    if isinstance(node, list):
        return [x for value in node for x in flatten(value)]
    return [node] if isinstance(node, (int, float)) else []


@pytest.mark.parametrize('sizes', [[1, 4], [1, 1, 1, 1, 1]])
def test_batches_do_not_matter(images, sizes):
    backbone = small_backbone().eval()
    one, other = (
        measure(backbone, images, [5]),
        measure(backbone, images, sizes),
    )
    assert flatten(one.blocks) == pytest.approx(flatten(other.blocks))
    torch.testing.assert_close(one.pooled, other.pooled)


def test_v1_without_labels_has_neither_grn_nor_selectivity(images):
    backbone = small_backbone(use_grn=False, layer_scale_init_value=1.0)
    got = measure(backbone.eval(), images, [3, 2], labeled=False)
    assert got.labels is None
    for block in got.blocks:
        assert block['normalized'] is block['normalization'] is None
        assert block['selectivity'] is None
        assert block['activation']['images'] == 5


def test_one_position_has_no_saturation(images):
    got = measure(small_backbone().eval(), images[..., :32, :32], [5])
    assert got.blocks[-1]['activation']['saturated'] is None
    assert got.blocks[-1]['activation']['positions'] == 1
    assert got.blocks[0]['activation']['saturated'] is not None


def test_features_that_are_not_finite_are_an_error(images):
    backbone = small_backbone().eval()
    nn.init.constant_(backbone.stages[2][0].pointwise_conv1.bias, torch.nan)
    with pytest.raises(ValueError, match=r'stages\.2\.0 has NaN'):
        measure(backbone, images, [5])


def test_a_module_that_is_never_called_is_an_error(images):
    backbone = small_backbone().eval()
    block = find_blocks(backbone)[1].module
    forward = nn.functional.gelu

    class Bypassed(nn.Module):
        """Its forward is not the one that the block calls."""

    block.act = Bypassed()
    block._plain_mlp = lambda y, layout: block.pointwise_conv2(
        block.grn(forward(block.pointwise_conv1(block.norm(y))))
    )
    with pytest.raises(ValueError, match=r"stages\.1\.0 never .*'activation'"):
        measure(backbone, images, [5])
