"""Trainings that are killed again and again are those that were not."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mmengine.config import Config

from tests.helpers.same_training import assert_same_checkpoints, losses
from tests.helpers.small_pretraining import make_images, pretraining
from tests.helpers.small_training import make_scenes
from tests.test_configs import CONFIGS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 0.15  # added to each step
KILLS = 4  # of each training
EMA = [dict(type='EMAHook', momentum=0.05)]


def fcmae(root, workers):
    """By epochs, with a state in every part."""
    cfg = pretraining(make_images(root / 'images'), root, epochs=5)
    cfg.runner_type = 'CheckedRunner'
    cfg.default_hooks.checkpoint.max_keep_ckpts = 2
    cfg.train_dataloader.num_workers = workers
    cfg.param_scheduler = [dict(type='CosineAnnealingLR', T_max=5)]
    cfg.custom_imports = dict(imports=['mmpretrain_plugin'])
    return cfg, 'epoch_5.pth'


def mask_rcnn(root, workers):
    make_scenes(root / 'scenes')
    cfg = Config.fromfile(CONFIGS / 'demo/mask-rcnn_convnextv2-atto_digits.py')
    dataset = cfg.train_dataloader.dataset
    dataset.update(data_root=str(root / 'scenes/coco'), indices=None)
    cfg.train_dataloader.update(batch_size=1, num_workers=workers)
    cfg.train_cfg.max_epochs = 4
    cfg.default_hooks.checkpoint.interval = 1
    cfg.default_hooks.logger.interval = 1
    return cfg, 'epoch_4.pth'


def upernet(root, workers):
    """By iterations."""
    make_scenes(root / 'scenes')
    cfg = Config.fromfile(CONFIGS / 'demo/upernet_convnextv2-atto_digits.py')
    cfg.train_dataloader.dataset.data_root = str(root / 'scenes/ade20k')
    cfg.train_dataloader.update(batch_size=2, num_workers=workers)
    cfg.train_cfg.max_iters = 14
    cfg.default_hooks.checkpoint.interval = 3
    cfg.default_hooks.logger.interval = 1
    return cfg, 'iter_14.pth'


def write(cfg, work_dir, path):
    cfg = cfg.copy()
    cfg.work_dir = str(work_dir)
    cfg.custom_hooks = EMA
    cfg.dump(path)
    return path


@pytest.mark.timeout(900)
@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('make', [fcmae, mask_rcnn, upernet])
def test_killed_trainings_end_the_same(make, workers, tmp_path):
    cfg, last = make(tmp_path, workers)
    command = [sys.executable, '-m', 'tests.helpers.slow_steps']
    config = write(cfg, tmp_path / 'full', tmp_path / 'full.py')
    done = subprocess.run(
        [*command, config, '0'], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]

    config = write(cfg, tmp_path / 'parts', tmp_path / 'parts.py')
    rng, kills, hits = random.Random(workers), 0, 0
    while not (tmp_path / 'parts' / last).exists():
        process = subprocess.Popen(
            [*command, config, str(SECONDS)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        output = []
        for line in process.stdout:
            output.append(line)
            if line == 'begins\n':
                break
        if kills < KILLS:
            time.sleep(rng.uniform(0, 4))
            process.send_signal(signal.SIGKILL)
            kills += 1
        output += process.stdout.readlines()
        status = process.wait()
        hits += status == -signal.SIGKILL
        assert status in (0, -signal.SIGKILL), ''.join(output)[-3000:]
    assert_same_checkpoints(
        tmp_path / 'full' / last, tmp_path / 'parts' / last
    )
    expected, found = (losses(tmp_path / n) for n in ('full', 'parts'))
    assert found == expected
    assert hits  # others came when the training had ended
