"""A split holds out the same share of every class."""

import pytest
import torch

from mmpretrain_plugin.analysis import split_by_class


def test_every_image_is_on_one_side_and_every_class_on_both():
    labels = torch.tensor([0] * 8 + [1] * 20 + [2] * 2)[torch.randperm(30)]
    train, test = split_by_class(labels, held_out=0.25)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(30))
    assert labels[test].bincount().tolist() == [2, 5, 1]
    assert labels[train].bincount().tolist() == [6, 15, 1]


def test_the_seed_decides_and_the_global_one_does_not():
    labels = torch.arange(3).repeat(20)
    one = split_by_class(labels, seed=1)[1]
    torch.manual_seed(5)
    assert torch.equal(one, split_by_class(labels, seed=1)[1])
    assert not torch.equal(one, split_by_class(labels, seed=2)[1])


@pytest.mark.parametrize('held_out', [0.01, 0.99])
def test_both_sides_have_an_image_of_every_class(held_out):
    labels = torch.tensor([0, 0, 1, 1, 1])
    for side in split_by_class(labels, held_out):
        assert labels[side].unique().tolist() == [0, 1]


def test_the_only_image_of_a_class_remains():
    train, test = split_by_class(torch.tensor([0, 1, 0]))
    assert 1 in train and len(test) == 1


@pytest.mark.parametrize('count', [1, 3])
def test_classes_with_one_image_each_are_an_error(count):
    with pytest.raises(ValueError, match=f'there are {count} images, each'):
        split_by_class(torch.arange(count))
