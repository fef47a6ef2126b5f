"""Sharded pre-training with MMPretrain's train tool, in two processes."""

import json
import subprocess
import sys
from pathlib import Path

import convert_checkpoint
import mmpretrain
import pytest
import torch
from torch.testing import assert_close

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/demo/fcmae_convnextv2-atto_digits.py'
SCRIPT = Path(mmpretrain.__file__).parent / '.mim/tools/train.py'
VARIANTS = {
    'sharded': ['runner_type=CheckedFlexibleRunner',
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

pytestmark = [
    pytest.mark.slow,
    pytest.mark.distributed,
    pytest.mark.timeout(900),
]


def train(root, name, variant, *more):
    """Train for two epochs, with more options of the tool."""
    result = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc_per_node', '2', '-m', 'tests.helpers.launched',
         SCRIPT, CONFIG, '--launcher', 'pytorch', '--work-dir', root / name,
         *more, '--cfg-options', *VARIANTS[variant], *BUDGET,
         f'train_dataloader.dataset.data_root={root / "data/unlabeled"}'],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return root / name


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Both variants, and each resumed from the other's first epoch."""
    root = tmp_path_factory.mktemp('runs')
    subprocess.run(
        [sys.executable, ROOT / 'tools/demo/make_digit_scenes.py',
         root / 'data',
         '--unlabeled', '16', '--train', '1', '--val', '1', '--test', '1'],
        check=True, capture_output=True,
    )  # fmt: skip
    folders = {name: train(root, name, name) for name in VARIANTS}
    for variant, other in zip(VARIANTS, reversed(VARIANTS)):
        first = folders[other] / 'epoch_1.pth'
        name = f'{variant} resumed'
        folders[name] = train(root, name, variant, '--resume', first)
    return folders


def scalars(folder):
    """Losses, and gradient norms from the first complete batch on."""
    (path,) = folder.glob('*/vis_data/scalars.json')
    steps = [json.loads(line) for line in path.read_text().splitlines()]
    norms = [step['grad_norm'] for step in steps[1:]]
    return [step['loss'] for step in steps] + norms


@pytest.mark.parametrize(
    'pair', [VARIANTS, [f'{name} resumed' for name in VARIANTS]]
)
def test_sharded_trains_as_replicated(runs, pair):
    """Uninterrupted runs, and runs resumed from the other variant."""
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


def test_resumed_runs_train_one_epoch(runs):
    assert len(scalars(runs['sharded'])) == 8 + 7
    assert len(scalars(runs['sharded resumed'])) == 4 + 3


def test_checkpoints_are_ordinary(runs, monkeypatch):
    """A tool reads them without a process group."""
    model = runs['sharded'] / 'epoch_2.pth'
    state = torch.load(model, weights_only=False)['state_dict']
    assert all(type(value) is torch.Tensor for value in state.values())
    assert '' in state._metadata  # versions of modules
    target = runs['sharded'] / 'timm.pth'
    words = ['convert', str(model), str(target)]
    monkeypatch.setattr(sys, 'argv', [*words, '--to=timm', '--backbone-only'])
    convert_checkpoint.main()
    assert torch.load(target)
