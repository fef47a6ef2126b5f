"""Sharded pre-training through the host's own script, in two processes."""

import json
import subprocess
import sys
from pathlib import Path

import mmpretrain
import pytest
import torch
from torch.testing import assert_close

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/demo/fcmae_convnextv2-atto_digits.py'
SCRIPT = Path(mmpretrain.__file__).parent / '.mim/tools/train.py'
WAYS = {
    'sharded': ['runner_type=FlexibleRunner',
                'strategy.type=FullyShardStrategy',
                'strategy.blocks=ConvNeXtV2Block'],
    'replicated': ['model_wrapper_cfg.type=MMDistributedDataParallel',
                   'model_wrapper_cfg.device_ids=None'],
}  # fmt: skip
BUDGET = ['train_cfg.max_epochs=2', 'train_dataloader.batch_size=2',
          'optim_wrapper.accumulative_counts=2', 'randomness.seed=0',
          'optim_wrapper.clip_grad.max_norm=1.0',
          'train_dataloader.persistent_workers=False',
          'train_dataloader.num_workers=0',
          'default_hooks.checkpoint.interval=1',
          'default_hooks.logger.interval=1']  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def train(root, name, way, *more):
    """Train for two epochs, or from where ``--resume`` says."""
    result = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc_per_node', '2', '-m', 'tests.helpers.launched',
         SCRIPT, CONFIG, '--launcher', 'pytorch', '--work-dir', root / name,
         *more, '--cfg-options', *WAYS[way], *BUDGET,
         f'train_dataloader.dataset.data_root={root / "data/unlabelled"}'],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return root / name


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Both ways from the start, and each from the other's first epoch."""
    root = tmp_path_factory.mktemp('runs')
    subprocess.run(
        [sys.executable, ROOT / 'tools/demo/make_digit_scenes.py',
         root / 'data',
         '--unlabelled', '16', '--train', '1', '--val', '1'],
        check=True, capture_output=True,
    )  # fmt: skip
    folders = {way: train(root, way, way) for way in WAYS}
    for way, other in zip(WAYS, reversed(WAYS)):
        first = folders[other] / 'epoch_1.pth'
        name = f'{way} resumed'
        folders[name] = train(root, name, way, '--resume', first)
    return folders


def scalars(folder):
    """Losses, and norms of gradients after the first whole batch."""
    (path,) = folder.glob('*/vis_data/scalars.json')
    steps = [json.loads(line) for line in path.read_text().splitlines()]
    norms = [step['grad_norm'] for step in steps[1:]]
    return [step['loss'] for step in steps] + norms


@pytest.mark.parametrize('pair', [WAYS, [f'{way} resumed' for way in WAYS]])
def test_sharded_trains_as_replicated(runs, pair):
    """Whole runs, and runs that go on where the other way stopped."""
    one, other = (runs[name] for name in pair)
    assert_close(scalars(one), scalars(other), rtol=1e-4, atol=1e-5)
    one, other = (
        torch.load(folder / 'epoch_2.pth', weights_only=False)
        for folder in (one, other)
    )
    assert one.keys() == other.keys()
    close = dict(rtol=1e-3, atol=1e-4)
    assert_close(one['state_dict'], other['state_dict'], **close)
    assert one['param_schedulers'] == other['param_schedulers']
    one, other = one['optimizer'], other['optimizer']
    assert_close(one['state'], other['state'], **close)
    assert one['param_groups'] == other['param_groups']
    assert one['state'][0]['step'] == 4


def test_resumed_runs_do_one_epoch(runs):
    assert len(scalars(runs['sharded'])) == 8 + 7
    assert len(scalars(runs['sharded resumed'])) == 4 + 3


def test_checkpoints_are_plain(runs):
    """Any tool reads them, without processes."""
    model = runs['sharded'] / 'epoch_2.pth'
    state = torch.load(model, weights_only=False)['state_dict']
    assert all(type(value) is torch.Tensor for value in state.values())
    assert '' in state._metadata  # versions of layers
    target = runs['sharded'] / 'timm.pth'
    subprocess.run(
        [sys.executable, ROOT / 'tools/convert_checkpoint.py', model, target,
         '--to', 'timm', '--backbone-only'],
        check=True, capture_output=True,
    )  # fmt: skip
    assert torch.load(target)
