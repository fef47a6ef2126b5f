"""Two processes evaluate pre-training as one process does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.runner import Runner

from tests.helpers.evaluation_worker import VARIANTS
from tests.helpers.small_pretraining import evaluated, make_images

pytestmark = [pytest.mark.slow, pytest.mark.distributed]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """The images, and what two processes wrote about each variant."""
    root = tmp_path_factory.mktemp('two')
    images = make_images(root / 'images')
    result = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc_per_node', '2', '-m', 'tests.helpers.evaluation_worker',
         images, root],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return images, root


@pytest.mark.parametrize('variant', VARIANTS)
def test_two_processes_evaluate_as_one(variant, folders, tmp_path):
    """Of 15 images each process evaluates 8, and one of them twice."""
    images, out = folders[0], folders[1] / variant
    cfg = evaluated(images, tmp_path)
    cfg.load_from = str(out / 'epoch_1.pth')
    metrics = Runner.from_cfg(cfg).val()
    assert set(metrics) == {'val/loss', 'knn/top1'}
    for rank in range(2):
        found = json.loads((out / f'{rank}.json').read_text())
        assert found == pytest.approx(metrics, rel=1e-5)
    drawn = [path.name for path in out.glob('*/vis_data/vis_image/*')]
    assert drawn == ['reconstructions_1.png']  # by one process
