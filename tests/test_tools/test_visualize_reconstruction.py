"""The tools that draw reconstructions name files that are missing."""

import draw_packing
import numpy as np
import pytest
import tifffile
import torch
import visualize_reconstruction
from PIL import Image

from tests.helpers.small_models import small_fcmae
from tests.test_configs import CONFIGS

CONFIG = str(CONFIGS / 'demo/fcmae_convnextv2-atto_digits.py')
TOOLS = (draw_packing, visualize_reconstruction)


def run(tool, monkeypatch, *words):
    words = [tool.__name__, *map(str, words)]
    monkeypatch.setattr('sys.argv', words)
    tool.main()


@pytest.mark.parametrize('tool', TOOLS)
def test_missing_files_are_named(tool, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out.png'
    for words, message in (
        (('no.py', 'no.pth', out, tmp_path), 'no.py does not exist'),
        ((CONFIG, 'no.pth', out, tmp_path), 'no.pth does not exist'),
        ((CONFIG, CONFIG, out, tmp_path), f'in {tmp_path}'),
    ):
        with pytest.raises(SystemExit) as error:
            run(tool, monkeypatch, *words)
        assert error.value.code == 2
        assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize('tool', TOOLS)
def test_a_figure_is_written(tool, tmp_path, monkeypatch):
    preprocessor = dict(
        type='SelfSupDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3
    )
    model = small_fcmae(data_preprocessor=preprocessor).float()
    monkeypatch.setattr(tool, 'load_fcmae', lambda *args, **kwargs: model)
    out = tmp_path / 'out.png'
    Image.new('L', (64, 96)).save(tmp_path / 'image.png')
    run(tool, monkeypatch, CONFIG, CONFIG, out, tmp_path)
    assert Image.open(out).width > 300


def test_channels_of_other_images(tmp_path, monkeypatch):
    """They must be named, and the files must have as many as the model."""
    preprocessor = dict(
        type='MultiChannelSelfSupDataPreprocessor', mean=[0] * 5, std=[9] * 5
    )
    model = small_fcmae(in_channels=5, data_preprocessor=preprocessor).float()
    tool = visualize_reconstruction
    monkeypatch.setattr(tool, 'load_fcmae', lambda *args, **kwargs: model)
    out, image = tmp_path / 'out.png', tmp_path / 'image.tif'
    pixels = np.random.default_rng(0).integers(0, 4096, (64, 96, 5), np.uint16)
    tifffile.imwrite(image, pixels, planarconfig='contig')
    words = (tool, monkeypatch, CONFIG, CONFIG, out, image)
    with pytest.raises(SystemExit, match='takes 5 channels; name one or'):
        run(*words)
    with pytest.raises(SystemExit, match='between 0 and 4'):
        run(*words, '--channels', 5)
    tifffile.imwrite(image, pixels[..., :4], planarconfig='contig')
    with pytest.raises(SystemExit, match=r'image\.tif .* expects 5 channels'):
        run(*words, '--channels', 0, 1, 2)
    assert not out.exists()
    tifffile.imwrite(image, pixels, planarconfig='contig')
    run(*words, '--channels', 4, 0, 2)
    assert Image.open(out).width > 300


@pytest.mark.parametrize('tool', TOOLS)
def test_a_checkpoint_of_another_model_is_an_error(
    tool, tmp_path, monkeypatch
):
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
    message = r'epoch_1\.pth does not fit .*config\.py.*work_dir'
    with pytest.raises(SystemExit, match=message):
        run(tool, monkeypatch, config, checkpoint, out, image)
    assert not out.exists()
