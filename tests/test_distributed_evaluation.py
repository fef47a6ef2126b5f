"""Two processes evaluate pre-training as one process does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.runner import Runner

from tests.helpers.small_pretraining import evaluated, make_images

pytestmark = [pytest.mark.slow, pytest.mark.distributed]

ROOT = Path(__file__).resolve().parents[1]


def test_two_processes_evaluate_as_one(tmp_path):
    """Of 15 images each process evaluates 8, and one of them twice."""
    images, out = make_images(tmp_path / 'images'), tmp_path / 'two'
    result = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc_per_node', '2', '-m', 'tests.helpers.evaluation_worker',
         images, out],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    cfg = evaluated(images, tmp_path / 'one')
    cfg.load_from = str(out / 'epoch_1.pth')
    runner = Runner.from_cfg(cfg)
    expected = pytest.approx(runner.val(), rel=1e-5)
    assert set(expected.expected) == {'val/loss', 'knn/top1'}
    for rank in range(2):
        assert json.loads((out / f'{rank}.json').read_text()) == expected
    drawn = [path.name for path in out.glob('*/vis_data/vis_image/*')]
    assert drawn == ['reconstructions_1.png']  # by one process
