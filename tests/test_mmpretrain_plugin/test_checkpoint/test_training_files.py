"""What mmengine loads runs no code, is undamaged, and is what was saved."""

import os

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule, PretrainedInit
from mmengine.runner import CheckpointLoader, load_checkpoint
from mmengine.runner.checkpoint import _safe_torch_load

import mmpretrain_plugin  # noqa: F401  registers the loaders
from mmpretrain_plugin.checkpoint import (
    CheckpointFileError,
    read_file,
    read_training_file,
    write_file,
)
from tests.helpers.small_weights import assert_same

STATE = {'weight': torch.randn(200, 30), 'bias': torch.randn(200)}


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f'touch {self.path}',)


def model():
    return torch.nn.Linear(30, 200)


def init(file):
    PretrainedInit(file)(model())


def init_of_a_module(file):
    BaseModule(dict(type='Pretrained', checkpoint=file)).init_weights()


LOADERS = {
    'load_from': lambda file: load_checkpoint(model(), file),
    'init_cfg': init,
    'init_cfg of a module': init_of_a_module,
    'loader': CheckpointLoader.load_checkpoint,
    'reader': read_training_file,
}


@pytest.mark.parametrize('load', LOADERS.values(), ids=LOADERS.keys())
@pytest.mark.parametrize('key', ['state_dict', 'meta', 'message_hub'])
def test_no_code_of_a_file_runs(load, key, tmp_path):
    path, created = tmp_path / 'evil.pth', tmp_path / 'created'
    torch.save({'state_dict': STATE, key: dict(a=Hostile(created))}, path)
    with pytest.raises(CheckpointFileError, match=r'evil\.pth') as error:
        load(str(path))
    assert '\n' not in str(error.value)
    assert not created.exists()


def test_a_config_in_a_file_is_not_run(tmp_path):
    """mmengine runs ``meta['config']`` when it resumes, and writes none."""
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(meta=dict(config='import os', epoch=3)), path)
    assert read_training_file(path) == dict(meta=dict(epoch=3))


def test_a_training_is_read_as_mmengine_reads_it(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    log = HistoryBuffer([1.0, 2.0, 4.0], [1, 1, 2])
    saved = dict(
        state_dict=STATE,
        meta=dict(
            epoch=1,
            dataset_meta=dict(classes=('a', 'b'), palette=np.eye(2)),
        ),
        message_hub=dict(
            log_scalars=dict(loss=log),
            runtime_info=dict(loss=np.float64(3.5), steps=np.arange(3)),
            resumed_keys=dict(loss=True),
        ),
        optimizer=dict(state={0: dict(step=torch.tensor(3.0))}),
    )
    torch.save(saved, path)
    found, expected = read_training_file(path), _safe_torch_load(path)
    for one in (found, expected):
        logs = one['message_hub']['log_scalars']
        assert type(logs['loss']) is HistoryBuffer
        assert logs['loss'].mean(2) == log.mean(2)
        assert logs['loss'].data[1].tolist() == [1, 1, 2]
        info = one['message_hub']['runtime_info']
        assert info['loss'] == 3.5
        assert isinstance(info['loss'], np.float64)
        assert info['steps'].tolist() == [0, 1, 2]
        assert one['message_hub']['resumed_keys'] == dict(loss=True)
        meta = one['meta']
        assert meta['epoch'] == 1
        assert meta['dataset_meta']['classes'] == ('a', 'b')
        assert np.array_equal(meta['dataset_meta']['palette'], np.eye(2))
        assert one['optimizer']['state'][0]['step'] == 3
        assert_same(one['state_dict'], STATE)
    assert list(found) == list(expected)


def test_damaged_bytes_are_found_wherever_they_are(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=STATE), path)
    full = path.read_bytes()
    rng = np.random.default_rng(0)
    for start in rng.integers(0, len(full) - 64, 40):
        damaged = bytearray(full)
        damaged[start : start + 64] = rng.bytes(64)
        path.write_bytes(damaged)
        for read in (read_file, read_training_file):
            with pytest.raises(CheckpointFileError, match=r'epoch_1\.pth'):
                read(path)


def test_a_truncated_file_is_found(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=STATE), path)
    full = path.read_bytes()
    for length in (0, 1, 4, 100, len(full) // 2, len(full) - 1):
        path.write_bytes(full[:length])
        with pytest.raises(CheckpointFileError, match=r'epoch_1\.pth'):
            read_training_file(path)


def test_mmengine_loads_safetensors(tmp_path):
    path = tmp_path / 'model.safetensors'
    write_file(path, STATE, {})
    linear = model()
    load_checkpoint(linear, str(path))
    assert_same(linear.state_dict(), STATE)


def test_names_of_torchvision_that_do_not_exist_are_one_line():
    with pytest.raises(CheckpointFileError, match="no model 'resnet51'"):
        CheckpointLoader.load_checkpoint('torchvision://resnet51')
