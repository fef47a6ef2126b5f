"""The linear probe is a penalized logistic regression."""

import pytest
import torch

from mmpretrain_plugin.analysis import linear_probe_accuracy
from tests.reference import feature_measures


def blobs(count, noise=1.5):
    """Return features of three overlapping classes, and the classes."""
    labels = torch.arange(count) % 3
    centers = torch.tensor([[2.0, 0, 0, 1], [0, 2, 0, 1], [0, 0, 2, 1]])
    features = centers[labels] + noise * torch.randn(count, 4)
    features[:, 3] = 4  # constant
    return features, labels


@pytest.mark.parametrize('c', [0.01, 1.0])
def test_it_predicts_as_newtons_method(c):
    train, train_labels = blobs(60)
    test, labels = blobs(200)
    predicted = feature_measures.linear_probe(
        train.tolist(), train_labels.tolist(), test.tolist(), c
    )
    right = sum(a == b for a, b in zip(predicted, labels.tolist()))
    got = linear_probe_accuracy(train, train_labels, test, labels, c=c)
    assert 40 < got < 95  # a task that can be failed
    assert got == pytest.approx(100 * right / 200, abs=0.5)


def test_separable_classes_are_all_right():
    train, train_labels = blobs(30, noise=0.01)
    test, labels = blobs(30, noise=0.01)
    assert linear_probe_accuracy(train, train_labels, test, labels) == 100


def test_scale_and_offset_of_channels_do_not_matter():
    train, train_labels = blobs(60)
    test, labels = blobs(100)
    scale = torch.tensor([1e-3, 1.0, 1e3, 1.0])
    plain = linear_probe_accuracy(train, train_labels, test, labels)
    scaled = linear_probe_accuracy(
        5 + scale * train.double(), train_labels,
        5 + scale * test.double(), labels,
    )  # fmt: skip
    assert scaled == pytest.approx(plain, abs=1)
