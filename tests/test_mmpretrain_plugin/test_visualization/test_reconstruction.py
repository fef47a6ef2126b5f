"""Reconstructions: visible patches stay, hidden ones are predicted."""

from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from mmpretrain_plugin.datasets import false_color
from mmpretrain_plugin.engine.hooks.reconstruction_visualization_hook import (
    to_rgb_array,
)
from mmpretrain_plugin.visualization import reconstruct_image
from tests.helpers.small_models import small_fcmae

PREPROCESSOR = dict(
    type='SelfSupDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)


def test_visible_patches_stay_and_hidden_ones_are_predicted():
    """The channels are in the order red, green, blue, as in the input."""
    model = small_fcmae(data_preprocessor=PREPROCESSOR).float()
    pixels = np.random.default_rng(0).integers(0, 255, (70, 90, 3), 'uint8')
    image = Image.fromarray(pixels)
    generator = torch.Generator().manual_seed(0)
    result = reconstruct_image(model, image, generator)
    original, masked, completed, mask = result
    assert original.shape == masked.shape == completed.shape == (64, 96, 3)
    assert mask.shape == (2, 3) and mask.sum() == 4
    hidden = mask.repeat(32, 0).repeat(32, 1)
    assert (masked[hidden] == masked[hidden][0]).all()
    assert (masked[~hidden] == original[~hidden]).all()
    assert (completed[~hidden] == original[~hidden]).all()
    assert (completed[hidden] != original[hidden]).any()
    # A perfect model returns the image, as the prediction is drawn with the
    # true mean and deviation of each patch.
    model.reconstruct = lambda x, mask: model.head.target(x)
    perfect = reconstruct_image(model, image, generator).completed
    assert np.abs(perfect.astype(int) - original).max() <= 1


def test_chosen_channels_are_shown():
    """In their own units; the contrast is that of the input."""
    preprocessor = dict(
        type='MultiChannelSelfSupDataPreprocessor',
        mean=[900.0, 2000.0, 50.0, 7.0],
        std=[500.0, 900.0, 20.0, 3.0],
    )
    model = small_fcmae(in_channels=4, data_preprocessor=preprocessor).float()
    scales = np.array([2000, 4000, 100, 14])
    rng = np.random.default_rng(0)
    pixels = (rng.random((64, 96, 4)) * scales).astype(np.uint16)
    model.reconstruct = lambda x, mask: model.head.target(x)
    result = reconstruct_image(model, pixels, channels=(3, 0, 2))
    expected = false_color(pixels, (3, 0, 2)).astype(int)
    np.testing.assert_array_equal(result.original, expected)
    # The model is perfect; its prediction is rounded down to a color.
    assert np.abs(result.completed - expected).max() <= 1
    # A prediction far above the values of the patch is white.
    model.reconstruct = lambda x, mask: model.head.target(x) * 0 + 9
    wrong = reconstruct_image(model, pixels, channels=(3, 0, 2))
    hidden = wrong.mask.repeat(32, 0).repeat(32, 1)
    assert (wrong.completed[hidden] == 255).all()


def test_the_hook_shows_channels_of_any_range():
    """A row of images is shown as the file backend shows a file."""
    mean = torch.tensor([900.0, 2000.0, 50.0, 7.0]).view(-1, 1, 1)
    preprocessor = SimpleNamespace(mean=mean, std=mean / 2)
    image = torch.rand(4, 8, 9, generator=torch.Generator().manual_seed(0))
    pixels = (image * mean / 2 + mean).permute(1, 2, 0).numpy()
    for channels in ((3, 0, 2), (1,)):
        shown = to_rgb_array(image, preprocessor, channels)
        np.testing.assert_array_equal(shown, false_color(pixels, channels))
    # Without a choice the first one, in gray.
    shown = to_rgb_array(image, preprocessor)
    np.testing.assert_array_equal(shown, false_color(pixels, (0,)))
