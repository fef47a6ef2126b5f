"""Class selectivity: the definition in loops, and its extremes."""

import pytest
import torch

from mmpretrain_plugin.analysis import ClassMeans, class_selectivity_index
from tests.reference import feature_measures

LABELS = torch.tensor([2, 0, 2, 1, 0, 2, 2])


@pytest.mark.parametrize('sizes', [(7,), (3, 4), (1, 1, 5)])
def test_it_is_the_definition_whatever_the_batches(sizes):
    features = torch.randn(7, 2, 3, 6)
    features[..., 1] = -features[..., 1].abs()  # never active
    means = ClassMeans(4)  # class 3 has no image
    for part, labels in zip(features.split(sizes), LABELS.split(sizes)):
        means.update(part, labels)
    expected = feature_measures.class_selectivity(
        features.flatten(1, 2).tolist(), LABELS.tolist()
    )
    index = class_selectivity_index(means.means())
    torch.testing.assert_close(
        index, torch.tensor(expected).double(), equal_nan=True, rtol=1e-6,
        atol=1e-7,
    )  # fmt: skip
    assert index.isnan().tolist() == [i == 1 for i in range(6)]


def test_a_channel_of_one_class_has_1_and_of_all_classes_0():
    means = torch.tensor([[0.0, 2.0], [5.0, 2.0], [0.0, 2.0]])
    assert class_selectivity_index(means).tolist() == [1, 0]


def test_scale_and_order_of_classes_do_not_matter():
    means = torch.rand(5, 7)
    torch.testing.assert_close(
        class_selectivity_index(9 * means[torch.randperm(5)]),
        class_selectivity_index(means),
    )


def test_negative_means_count_as_0():
    means = torch.randn(5, 20)
    index = class_selectivity_index(means)
    torch.testing.assert_close(
        index, class_selectivity_index(means.relu()), equal_nan=True
    )
    index = index[~index.isnan()]
    assert ((index >= 0) & (index <= 1)).all()


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match='two or more classes, got 1'):
        class_selectivity_index(torch.rand(1, 4))
