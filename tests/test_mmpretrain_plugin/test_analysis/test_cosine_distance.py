"""Feature cosine distance: the double sum over channels, and its laws."""

import pytest
import torch

from mmpretrain_plugin.analysis import feature_cosine_distance
from tests.reference import feature_measures


def distance(features):
    return feature_cosine_distance(features).distance


def test_it_is_the_double_sum_over_channels():
    features = torch.randn(3, 2, 4, 7)
    features[1, ..., 2] = 0  # a silent channel
    features[2, ..., 1] *= 1e-30
    expected = [
        feature_measures.cosine_distance(image.flatten(0, 1).tolist())
        for image in features
    ]
    got = feature_cosine_distance(features)
    torch.testing.assert_close(
        got.distance.double(), torch.tensor(expected).double(), rtol=1e-6,
        atol=1e-7,
    )  # fmt: skip
    assert got.silent.tolist() == [0, 1, 0]


def test_equal_channels_have_distance_0():
    features = torch.randn(2, 9, 1).expand(-1, -1, 5)
    torch.testing.assert_close(
        distance(features).double(), torch.zeros(2).double()
    )


def test_opposite_channels_have_half_of_the_pairs_at_distance_1():
    x = torch.randn(1, 9, 1)
    features = torch.cat([x, -x], dim=-1)
    torch.testing.assert_close(
        distance(features).double(), torch.tensor([0.5]).double()
    )


@pytest.mark.parametrize('channels', [1, 3, 8])
def test_orthogonal_channels(channels):
    """Only the cosine of a channel with itself is 1."""
    features = torch.eye(8)[:, :channels][None]
    expected = torch.tensor([(1 - 1 / channels) / 2]).double()
    torch.testing.assert_close(distance(features).double(), expected)


def test_order_and_positive_scale_of_channels_do_not_matter():
    features = torch.randn(2, 6, 5)
    scale = torch.rand(5) + 0.1
    changed = (features * scale)[:, torch.randperm(6)][..., torch.randperm(5)]
    torch.testing.assert_close(distance(changed), distance(features))


def test_an_image_does_not_depend_on_the_others():
    features = torch.randn(3, 6, 5)
    alone = torch.cat([distance(image[None]) for image in features])
    torch.testing.assert_close(distance(features), alone)


def test_silent_channels_look_diverse_and_are_counted():
    result = feature_cosine_distance(torch.zeros(1, 4, 3))
    assert result.distance.tolist() == [0.5]
    assert result.silent.tolist() == [3]


def test_half_precision_is_computed_in_full():
    features = torch.randn(2, 16, 5).half()
    torch.testing.assert_close(
        distance(features).double(), distance(features.double())
    )
