"""Figures of masked images and their reconstruction by FCMAE."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mmcv
import numpy as np
import torch
from mmpretrain.structures import DataSample
from PIL import Image

from ..datasets import false_color
from ..models import FCMAE
from ..models.masking import enlarge
from .image_grid import save_image_grid

TITLES = ('input', 'masked', 'prediction')
GRAY = 225  # of hidden patches


class Reconstruction(NamedTuple):
    """An image and its reconstruction.

    Attributes:
        original: The image after resizing, uint8 (H, W, 3).
        masked: The image with gray hidden patches, uint8 (H, W, 3).
        completed: The image with predicted hidden patches, uint8 (H, W, 3).
        mask: Mask of the patches, bool (h, w), True = hidden.
    """

    original: np.ndarray
    masked: np.ndarray
    completed: np.ndarray
    mask: np.ndarray


def _resize_to_patches(
    image: Image.Image | np.ndarray, patch_size: int
) -> np.ndarray:
    """Resize both sides to the nearest multiple of the patch size."""
    if isinstance(image, np.ndarray):
        height, width = image.shape[:2]
    else:
        width, height = image.size
    size = tuple(
        max(1, round(side / patch_size)) * patch_size
        for side in (width, height)
    )
    if isinstance(image, np.ndarray):
        resized = mmcv.imresize(image, size, interpolation='bicubic')
        return resized.reshape(*size[::-1], -1)
    rgb = image.convert('RGB')
    return np.array(rgb.resize(size, Image.Resampling.BICUBIC))


@torch.no_grad()
def reconstruct_image(
    model: FCMAE,
    image: Image.Image | np.ndarray,
    generator: torch.Generator | None = None,
    channels: Sequence[int] = (),
) -> Reconstruction:
    """Mask an image at random and predict its hidden patches.

    If the target is normalized per patch, the prediction gets the true mean
    and deviation of each patch, which the model does not predict.

    Args:
        model: The autoencoder; for color images its preprocessor expects BGR.
        image: RGB image, or pixels (H, W, channels) in the order of the
            preprocessor; it is resized to multiples of the patch size.
        generator: CPU generator, for a reproducible mask.
        channels: Of pixels, the channels to show, one or three.

    Returns:
        The resized image, masked and completed, and the mask.
    """
    model.eval()
    resized = _resize_to_patches(image, model.patch_size)
    ordered = resized if channels else resized[:, :, ::-1].copy()
    inputs = torch.from_numpy(ordered).permute(2, 0, 1)
    # One view of one image, as MMPretrain's collate function packs it.
    data = dict(inputs=[inputs[None]], data_samples=[DataSample()])
    pixels = model.data_preprocessor(data)['inputs'][0]

    mask = model.random_mask(pixels, generator)
    prediction = model.head.restore(model.reconstruct(pixels, mask), pixels)
    preprocessor = model.data_preprocessor
    prediction = prediction[0] * preprocessor.std + preprocessor.mean
    prediction = prediction.permute(1, 2, 0).cpu().numpy()
    if channels:
        original = false_color(resized, channels)
        prediction = false_color(prediction, channels, contrast_of=resized)
    else:
        original, prediction = resized, prediction.clip(0, 255)

    hidden = enlarge(mask, model.patch_size)[0, :, :, None].numpy()
    masked = np.where(hidden, GRAY, original).astype('uint8')
    completed = np.where(hidden, prediction, original).astype('uint8')
    return Reconstruction(original, masked, completed, mask[0].numpy())


def draw_reconstructions(
    model: FCMAE,
    images: Sequence[Image.Image | np.ndarray],
    path: Path,
    seed: int = 0,
    channels: Sequence[int] = (),
) -> None:
    """Save a figure of input, masked input and prediction, a row per image.

    Args:
        model: The autoencoder.
        images: RGB images, or pixels (H, W, channels).
        path: Path of the PNG file.
        seed: Seed of the masks.
        channels: Of pixels, the channels to show, one or three.
    """
    generator = torch.Generator().manual_seed(seed)
    results = [
        reconstruct_image(model, image, generator, channels)
        for image in images
    ]
    rows = [(r.original, r.masked, r.completed) for r in results]
    save_image_grid(rows, TITLES, path)
