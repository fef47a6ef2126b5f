"""The k-NN classifier equals its definition, written out in Python."""

import math

import pytest
import torch

from mmpretrain_plugin.analysis import knn_accuracy, nearest_neighbors


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.hypot(*a) / math.hypot(*b)


def slow_accuracy(train_features, train_labels, features, labels, k, first):
    """Classify one feature after another by sorting all of the others."""
    correct = 0
    for feature, label in zip(features, labels):
        order = sorted(
            range(len(train_features)),
            key=lambda i, f=feature: -cosine(f, train_features[i]),
        )
        voters = [train_labels[i] for i in order[:k]]
        ranked = sorted(
            set(voters), key=lambda c, v=voters: (-v.count(c), v.index(c))
        )
        correct += label in ranked[:first]
    return 100 * correct / len(features)


@pytest.mark.parametrize('k', [1, 3, 20])
@pytest.mark.parametrize('chunk', [1, 120, 10**6])
def test_it_equals_the_definition(k, chunk, monkeypatch):
    monkeypatch.setattr(nearest_neighbors, 'CHUNK', chunk)
    torch.manual_seed(k)
    labels, train_labels = torch.randint(7, (33,)), torch.randint(7, (40,))
    centers = torch.randn(7, 5)
    features = centers[labels] + 0.7 * torch.randn(33, 5)
    train_features = centers[train_labels] + 0.7 * torch.randn(40, 5)
    tensors = train_features, train_labels, features, labels
    got = knn_accuracy(*tensors, k=k, topk=(1, 2, 5))
    lists = [tensor.tolist() for tensor in tensors]
    for first in (1, 2, 5):
        expected = slow_accuracy(*lists, k, first)
        assert got[first] == pytest.approx(expected)
        assert 0 < expected < 100 or k == 20


def test_of_two_classes_with_equal_votes_the_nearest_comes_first():
    angles = torch.tensor([0.1, 0.2, 0.3, 0.4])
    train = torch.stack([angles.cos(), angles.sin()], dim=1)
    train_labels = torch.tensor([1, 0, 0, 1])
    query = torch.tensor([[1.0, 0.0]])
    for label, correct in ((1, 100), (0, 0), (2, 0)):
        result = knn_accuracy(
            train, train_labels, query, torch.tensor([label]), k=4, topk=(1,)
        )
        assert result == {1: correct}


def test_a_class_without_a_vote_is_never_among_the_first():
    train, query = torch.eye(3), torch.eye(3)[:1]
    result = knn_accuracy(
        train, torch.tensor([0, 1, 2]), query, torch.tensor([1]), k=1
    )
    assert result == {1: 0, 5: 0}


def test_lengths_do_not_matter():
    torch.manual_seed(0)
    train, query = torch.randn(30, 4), torch.randn(20, 4)
    train_labels, labels = torch.randint(3, (30,)), torch.randint(3, (20,))
    scaled = train * torch.rand(30, 1).add(0.1)
    assert knn_accuracy(scaled, train_labels, 9 * query, labels) == (
        knn_accuracy(train, train_labels, query, labels)
    )


@pytest.mark.parametrize(
    'change, problem',
    [
        (dict(k=31), r'k must be in \[1, 30\]'),
        (dict(k=0), r'k must be in \[1, 30\]'),
        (dict(features=torch.randn(20, 5)), '4 channels but features 5'),
        (dict(labels=torch.zeros(19).long()), r'got \(20, 4\) and \(19,\)'),
        (
            dict(features=torch.empty(0, 4), labels=torch.empty(0).long()),
            'features are empty',
        ),
    ],
)
def test_wrong_arguments_are_named(change, problem):
    arguments = dict(
        train_features=torch.randn(30, 4),
        train_labels=torch.randint(3, (30,)),
        features=torch.randn(20, 4),
        labels=torch.randint(3, (20,)),
    )
    with pytest.raises(ValueError, match=problem):
        knn_accuracy(**{**arguments, **change})
