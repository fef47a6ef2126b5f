"""The tools that draw reconstructions name files that are missing."""

import draw_packing
import pytest
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
    monkeypatch.setattr(tool, 'get_model', lambda *args, **kwargs: model)
    out = tmp_path / 'out.png'
    Image.new('L', (64, 96)).save(tmp_path / 'image.png')
    run(tool, monkeypatch, CONFIG, CONFIG, out, tmp_path)
    assert Image.open(out).width > 300
