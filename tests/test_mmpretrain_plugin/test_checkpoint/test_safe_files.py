"""Files run no code and fill no memory; damaged ones raise an error."""

import os
import pickle
import struct
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmpretrain_plugin.checkpoint import CheckpointFileError, read_file
from tests.helpers.small_weights import assert_same

STATE = {f'layer{i}.weight': torch.randn(20, 30) for i in range(4)}


class Hostile:
    def __reduce__(self):
        return os.system, (f'touch {Path.cwd() / "created"}',)


@pytest.mark.parametrize('protocol', ['zip', 'legacy', 'pickle'])
def test_a_hostile_pickle_runs_no_code(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    path, content = tmp_path / 'evil.pth', dict(state_dict=Hostile())
    if protocol == 'pickle':
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(
            content, path,
            _use_new_zipfile_serialization=protocol == 'zip',
        )  # fmt: skip
    with pytest.raises(CheckpointFileError, match='evil.pth'):
        read_file(path)
    assert not (tmp_path / 'created').exists()


class Unknown:
    """A class that is not in the list of classes to ignore."""


def test_trust_builds_other_objects(tmp_path):
    path = tmp_path / 'odd.pth'
    torch.save(dict(state_dict=STATE, odd=Unknown()), path)
    with pytest.raises(CheckpointFileError, match='contains .*Unknown.*trust'):
        read_file(path)
    assert_same(read_file(path, trust=True)[0], STATE)


@pytest.mark.parametrize(
    'content',
    [
        dict(
            state_dict=STATE,
            message_hub=dict(
                log_scalars=dict(loss=HistoryBuffer([1.0, 2.0], [1, 1])),
                runtime_info=dict(loss=np.float64(3.0)),
            ),
        ),
        dict(model=STATE, args=Namespace(lr=1e-3), epoch=3),
    ],
    ids=['mmengine', 'official'],
)
def test_training_checkpoints_are_read_without_trust(tmp_path, content):
    path = tmp_path / 'epoch_1.pth'
    torch.save(content, path)
    assert_same(read_file(path)[0], STATE)


def add_second_contents(path):
    """Add a table of contents with smaller sizes, where Python reads it.

    torch reads the one at the offset that the end of the archive contains.
    """
    data = path.read_bytes()
    end = data.rindex(b'PK\5\6')
    size, offset = struct.unpack('<II', data[end + 12 : end + 20])
    contents = bytearray(data[offset : offset + size])
    at = 0
    while at < len(contents):
        struct.pack_into('<I', contents, at + 24, 1)
        name, extra, comment = struct.unpack_from('<HHH', contents, at + 28)
        at += 46 + name + extra + comment
    path.write_bytes(data[:end] + contents + data[end:])


def damage(kind, path):
    """Write a file that must not be read, or none."""
    if kind == 'missing':
        return
    if kind == 'folder':
        path.mkdir()
    elif kind == 'empty':
        path.touch()
    elif kind == 'text':
        path.write_text('these are not the weights you are looking for')
    elif kind == 'safetensors':
        path.write_bytes(b'\xff' * 100)
    elif kind == 'bytearray':
        path.write_bytes(b'\x80\x05\x96' + struct.pack('<Q', 3 << 30) + b'.')
    elif kind == 'bomb':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('archive/data.pkl', b'\0' * 50_000_000)
    elif kind == 'program':
        torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    elif kind in ('truncated', 'two contents'):
        torch.save(STATE, path)
        if kind == 'truncated':
            path.write_bytes(path.read_bytes()[:-2000])
        else:
            add_second_contents(path)
    else:
        base = torch.zeros(10**6)
        contents = {
            'sparse': dict(a=torch.eye(3).to_sparse()),
            'meta': dict(a=torch.ones(3, device='meta')),
            'nested': dict(a=torch.nested.nested_tensor([torch.ones(2)])),
            'expanded': dict(a=torch.zeros(1).expand(10**9)),
            'shared': {f'a{i}': base[i:] for i in range(9)},
            'numbers as keys': {1: torch.ones(3)},
            'no tensors': dict(state_dict=dict(a=1)),
            'list': [1, 2],
        }
        torch.save(contents[kind], path)


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('missing', 'does not exist'),
        ('folder', 'is a folder'),
        ('empty', 'is damaged or no checkpoint'),
        ('text', 'is damaged or no checkpoint'),
        ('truncated', 'is damaged'),
        ('safetensors', 'damaged or no safetensors file'),
        ('bytearray', ''),
        ('bomb', 'would unpack to more than its size'),
        ('two contents', 'would unpack to more than its size'),
        ('program', 'is a TorchScript program'),
        ('sparse', 'larger than their stored values: a'),
        ('expanded', 'larger than their stored values: a'),
        ('meta', ''),
        ('nested', ''),
        ('shared', 'bytes of tensors'),
        ('numbers as keys', 'contains no tensors'),
        ('no tensors', 'contains no tensors, but a'),
        ('list', 'contains a list'),
    ],
)  # fmt: skip
def test_files_that_are_not_read(tmp_path, kind, message):
    suffix = '.safetensors' if kind == 'safetensors' else '.pth'
    path = tmp_path / f'bad{suffix}'
    damage(kind, path)
    with pytest.raises(CheckpointFileError) as error:
        read_file(path)
    assert str(error.value).startswith(f'{path} ')
    assert message in str(error.value)
    assert '\n' not in str(error.value)


def test_attributes_of_a_dict_hide_no_keys(tmp_path):
    state = OrderedDict(STATE)
    state.get = torch.zeros(1)
    path = tmp_path / 'weights.pth'
    torch.save(state, path)
    assert_same(read_file(path)[0], STATE)
