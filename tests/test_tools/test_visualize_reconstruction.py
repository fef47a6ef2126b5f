"""Reconstructions: visible patches stay, hidden ones are predicted."""

import numpy as np
import pytest
import torch
import visualize_reconstruction
from PIL import Image
from visualize_reconstruction import find_images

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
    original, masked, completed = reconstruct_image(model, image, generator)
    assert original.shape == masked.shape == completed.shape == (64, 96, 3)
    hidden = (masked == 128).all(axis=-1)
    assert hidden.mean() == 4 / 6
    assert (completed[~hidden] == original[~hidden]).all()
    assert (masked[~hidden] == original[~hidden]).all()
    # A perfect model returns the image, as the prediction is drawn with the
    # true mean and deviation of each patch.
    model.reconstruct = lambda x, mask: model.head.target(x)
    _, _, perfect = reconstruct_image(model, image, generator)
    assert np.abs(perfect.astype(int) - original).max() <= 1


def test_missing_files_are_named(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out.png'
    words = ['no.py', 'no.pth', str(out), str(tmp_path)]
    monkeypatch.setattr('sys.argv', ['visualize_reconstruction.py', *words])
    with pytest.raises(SystemExit) as error:
        visualize_reconstruction.main()
    assert error.value.code == 2
    assert 'no.py does not exist' in capsys.readouterr().err
    assert not out.exists()


def test_images_are_found_in_folders(tmp_path):
    for name in ('b.JPG', 'a.png', 'notes.txt', 'deep/c.jpeg'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = find_images([tmp_path], count=9)
    assert [p.name for p in found] == ['a.png', 'b.JPG', 'c.jpeg']
    assert find_images([tmp_path / 'b.JPG', tmp_path], count=2) == [
        tmp_path / 'b.JPG',
        tmp_path / 'a.png',
    ]
    (tmp_path / 'empty').mkdir()
    with pytest.raises(SystemExit, match='no images .* in .*empty'):
        find_images([tmp_path / 'empty'], count=1)


def test_a_checkpoint_of_another_model_is_an_error(tmp_path, monkeypatch):
    """MMPretrain draws with the missing weights randomly initialized."""
    config, checkpoint = tmp_path / 'config.py', tmp_path / 'epoch_1.pth'
    config.write_text(
        "default_scope = 'mmpretrain'\n"
        "custom_imports = dict(imports=['mmpretrain_plugin'])\n"
        "model = dict(type='FCMAE', backbone=dict(type='ConvNeXtV2', "
        'arch=dict(depths=(1, 1, 1, 1), channels=(4, 8, 12, 16))), '
        "neck=dict(type='FCMAEDecoder', in_channels=16, embed_dim=12), "
        "head=dict(type='FCMAEHead'))\n"
    )
    torch.save(dict(state_dict=small_fcmae().state_dict()), checkpoint)
    image, out = tmp_path / 'image.png', tmp_path / 'out.png'
    Image.new('RGB', (64, 64)).save(image)
    words = [str(path) for path in (config, checkpoint, out, image)]
    monkeypatch.setattr('sys.argv', ['visualize_reconstruction.py', *words])
    message = r'epoch_1\.pth does not fit .*config\.py.*work_dir'
    with pytest.raises(SystemExit, match=message):
        visualize_reconstruction.main()
    assert not out.exists()
