"""Files of transformers 5, which cannot be imported beside MMPretrain.

It runs in a process with an installation of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmpretrain.registry import MODELS
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from mmpretrain_plugin.checkpoint import to_state_dict, to_weights
from tests.helpers.small_weights import assert_same

pytestmark = pytest.mark.slow
DEFINE = """
import sys
import torch
import transformers
from safetensors.torch import load_file, save_file
assert transformers.__version__.startswith('5.'), transformers.__version__
folder = sys.argv[1]
x = load_file(f'{folder}/images.safetensors')['x']
"""
WRITE = """
torch.manual_seed(0)
config = transformers.DINOv3ConvNextConfig(
    depths=[2, 1, 3, 1], hidden_sizes=[16, 24, 32, 48])
model = transformers.DINOv3ConvNextModel(config).eval()
for parameter in model.parameters():
    torch.nn.init.normal_(parameter, std=0.3)
with torch.no_grad():
    y = model(x).pooler_output
config.save_pretrained(folder)
save_file(dict(y=y.contiguous()), f'{folder}/result.safetensors')
save_file(model.state_dict(), f'{folder}/five.safetensors')
"""
READ = """
model, info = transformers.DINOv3ConvNextModel.from_pretrained(
    folder, output_loading_info=True)
assert not info['missing_keys'] and not info['unexpected_keys'], info
with torch.no_grad():
    y = model.eval()(x).pooler_output
expected = load_file(f'{folder}/result.safetensors')['y']
torch.testing.assert_close(y, expected)
"""


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Return a function that runs a script with transformers 5."""
    installed = tmp_path_factory.mktemp('packages')
    uv = Path(sys.executable).with_name('uv')
    subprocess.run(
        [uv, 'pip', 'install', '-q', '--python', sys.executable,
         '--target', installed, 'transformers>=5,<6'],
        check=True,
    )  # fmt: skip

    def run_script(text, folder):
        subprocess.run(
            [sys.executable, '-c', DEFINE + text, folder],
            check=True,
            env={**os.environ, 'PYTHONPATH': str(installed)},
        )

    return run_script


def test_dinov3_in_both_directions(run, tmp_path):
    x = torch.randn(2, 3, 64, 96)
    save_file(dict(x=x), tmp_path / 'images.safetensors')
    run(WRITE, tmp_path)
    state = load_file(tmp_path / 'five.safetensors')
    assert any(key.startswith('model.stages.') for key in state)
    weights = to_weights(state)
    assert weights.source_format == 'huggingface-dinov3'
    model = MODELS.build(weights.architecture.backbone_config()).eval()
    model.load_state_dict(weights.backbone)
    expected = load_file(tmp_path / 'result.safetensors')['y']
    with torch.no_grad():
        assert_close(model(x)[0], expected, rtol=1e-5, atol=1e-5)
    four, _ = to_state_dict(weights, 'huggingface-dinov3')
    save_file(four, tmp_path / 'model.safetensors')
    run(READ, tmp_path)
    assert_same(to_weights(four).backbone, weights.backbone)
