import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmpretrain_plugin.visualization import reconstruct_image
from tests.helpers.small_models import small_fcmae

ROOT = Path(__file__).resolve().parents[2]
PREPROCESSOR = dict(
    type='SelfSupDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)


def test_visible_patches_are_kept_and_hidden_ones_predicted():
    """Red, green and blue keep their places on the way through BGR."""
    model = small_fcmae(data_preprocessor=PREPROCESSOR).float()
    pixels = np.random.default_rng(0).integers(0, 255, (70, 90, 3), 'uint8')
    image = Image.fromarray(pixels)
    generator = torch.Generator().manual_seed(0)
    picture, masked, completed = reconstruct_image(model, image, generator)
    assert picture.shape == masked.shape == completed.shape == (64, 96, 3)
    hidden = (masked == 128).all(axis=-1)
    assert hidden.mean() == 4 / 6
    assert (completed[~hidden] == picture[~hidden]).all()
    assert (masked[~hidden] == picture[~hidden]).all()
    # per-patch statistics of the prediction are the true ones by design,
    # so a perfect model must give the picture back in all three channels
    model.reconstruct = lambda x, mask: model.head.target(x)
    _, _, perfect = reconstruct_image(model, image, generator)
    assert np.abs(perfect.astype(int) - picture).max() <= 1


def test_missing_files_are_named(tmp_path):
    result = subprocess.run(
        [sys.executable, 'tools/visualize_reconstruction.py', 'no.py',
         'no.pth', str(tmp_path / 'out.png'), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 2
    assert 'no.py does not exist' in result.stderr
    assert not (tmp_path / 'out.png').exists()
