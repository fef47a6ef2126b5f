"""Effective rank: the singular value decomposition, and its laws."""

import pytest
import torch

from mmpretrain_plugin.analysis import effective_rank
from tests.reference import feature_measures


@pytest.mark.parametrize('shape', [(3, 4, 5, 8), (2, 30, 8), (1, 1, 6)])
def test_it_is_the_entropy_of_the_singular_values(shape):
    features = torch.randn(shape) * torch.logspace(0, -3, shape[-1])
    expected = [
        feature_measures.effective_rank(image.flatten(0, -2).numpy())
        for image in features
    ]
    torch.testing.assert_close(
        effective_rank(features), torch.tensor(expected).double(), rtol=1e-5,
        atol=0,
    )  # fmt: skip


@pytest.mark.parametrize('rank', [1, 2, 5])
def test_equal_singular_values_give_the_rank(rank):
    left = torch.linalg.qr(torch.randn(12, rank)).Q
    right = torch.linalg.qr(torch.randn(7, rank)).Q
    matrix = (3 * left @ right.T)[None]
    expected = torch.tensor([rank]).double()
    torch.testing.assert_close(
        effective_rank(matrix), expected, rtol=1e-4, atol=0
    )


def test_rotation_scale_and_order_do_not_matter():
    features = torch.randn(2, 9, 6, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    changed = 7 * (features @ rotation)[:, torch.randperm(9)]
    torch.testing.assert_close(
        effective_rank(changed), effective_rank(features)
    )


def test_copies_of_channels_do_not_add_rank():
    features = torch.randn(2, 9, 3)
    copies = features.repeat(1, 1, 4)
    torch.testing.assert_close(
        effective_rank(copies), effective_rank(features), rtol=1e-4, atol=0
    )


def test_nothing_has_rank_0():
    assert effective_rank(torch.zeros(2, 4, 3)).tolist() == [0, 0]
