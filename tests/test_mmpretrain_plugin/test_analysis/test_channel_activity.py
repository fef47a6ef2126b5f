"""Silent and saturated channels, against loops and by construction."""

import pytest
import torch

from mmpretrain_plugin.analysis import saturated_channels, silent_channels
from tests.reference import feature_measures


def some_features():
    """Return features in which each kind of channel occurs."""
    features = torch.randn(3, 4, 5, 8)
    features[..., 1] *= 1e-4  # silent, though not zero
    features[..., 2] = 0
    features[..., 3] = 2 + 0.1 * features[..., 3]  # nearly constant
    features[..., 4] = -3  # constant
    features[..., 5] = 1e-5  # constant, but silent
    features[..., 6] = features[..., 6] + 2  # varies
    return features


@pytest.mark.parametrize('tolerance', [0, 0.01, 0.5])
def test_silent_channels_are_those_of_the_definition(tolerance):
    features = some_features()
    expected = [
        feature_measures.silent(image.flatten(0, 1).tolist(), tolerance)
        for image in features
    ]
    assert silent_channels(features, tolerance).tolist() == expected


@pytest.mark.parametrize('tolerance', [0.01, 0.1, 0.8])
def test_saturated_channels_are_those_of_the_definition(tolerance):
    features = some_features()
    expected = [
        feature_measures.saturated(
            image.flatten(0, 1).tolist(), tolerance, 0.01
        )
        for image in features
    ]
    assert saturated_channels(features, tolerance).tolist() == expected


def test_the_kinds_are_told_apart():
    features = some_features()
    silent = [False, True, True, False, False, True, False, False]
    saturated = [False, False, False, True, True, False, False, False]
    assert silent_channels(features).tolist() == [silent] * 3
    assert saturated_channels(features).tolist() == [saturated] * 3


@pytest.mark.parametrize('measure', [silent_channels, saturated_channels])
def test_scale_order_and_other_images_do_not_matter(measure):
    features = some_features()
    scale = torch.tensor([1e-6, 1.0, 1e6])[:, None, None, None]
    order = torch.randperm(8)
    changed = (features * scale).flip(1, 2)[..., order]
    assert torch.equal(measure(changed), measure(features)[:, order])
    assert torch.equal(measure(features[1:2]), measure(features)[1:2])


def test_all_channels_of_a_zero_image_are_silent():
    features = torch.zeros(1, 4, 3)
    assert silent_channels(features).all()
    assert not saturated_channels(features).any()


def test_saturation_needs_two_positions():
    with pytest.raises(ValueError, match='two or more positions'):
        saturated_channels(torch.randn(2, 1, 1, 3))
