"""Reconstructions: visible patches stay, hidden ones are predicted."""

import numpy as np
import torch
from PIL import Image

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
