"""Checkpoint files are read completely and written completely or not."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmpretrain_plugin.checkpoint import (
    CheckpointFileError,
    check_target,
    read_file,
    sha256,
    write_file,
)
from tests.helpers.small_weights import assert_same

STATE = {f'layer{i}.weight': torch.arange(6.0).view(2, 3) for i in range(4)}
METADATA = dict(
    source='a.pth', source_sha256='0' * 64, source_format='timm', license='MIT'
)


@pytest.mark.parametrize(
    ('name', 'container'),
    [('a.pth', 'state_dict'), ('a.pth', None), ('a.safetensors', None)],
)
def test_reading_inverts_writing(tmp_path, name, container):
    path = tmp_path / name
    write_file(path, STATE, METADATA, container)
    state, metadata = read_file(path)
    assert_same(state, STATE)
    assert metadata == METADATA
    if container:
        content = torch.load(path, weights_only=True)
        assert set(content) == {container, 'meta'}


@pytest.mark.parametrize('name', ['a.pth', 'a.safetensors'])
def test_metadata_of_earlier_versions_is_read(tmp_path, name):
    path = tmp_path / name
    write_file(path, STATE, {'source_layout': 'official', 'licence': 'MIT'})
    _, metadata = read_file(path)
    assert metadata == dict(source_format='official', license='MIT')


def test_metadata_is_short_text(tmp_path):
    nested = 'a'
    for _ in range(40):  # as text it would fill the memory
        nested = [nested, nested]
    meta = dict(source=nested, license='MIT', source_sha256='x' * 10**6)
    path = tmp_path / 'in.pth'
    torch.save(dict(state_dict=STATE, meta=meta), path)
    assert read_file(path)[1] == dict(license='MIT')


def test_metadata_of_safetensors_are_those_of_hugging_face(tmp_path):
    path = tmp_path / 'a.safetensors'
    write_file(path, STATE, METADATA)
    with safe_open(path, framework='pt') as file:
        assert file.metadata() == {'format': 'pt', **METADATA}


def test_a_state_dict_under_another_key(tmp_path):
    path = tmp_path / 'a.pth'
    average = {key: value + 1 for key, value in STATE.items()}
    torch.save(dict(model=STATE, model_ema=average), path)
    assert_same(read_file(path)[0], STATE)
    assert_same(read_file(path, key='model_ema')[0], average)
    with pytest.raises(CheckpointFileError, match="no state dict at 'ema'"):
        read_file(path, key='ema')


def test_a_crash_leaves_no_file(tmp_path, monkeypatch):
    def die(content, path):
        Path(path).write_text('half')
        raise KeyboardInterrupt

    monkeypatch.setattr('torch.save', die)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / 'out.pth', STATE, {}, 'state_dict')
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(content, path):
        Path(path).write_text('half')
        raise RuntimeError('PytorchStreamWriter failed\nwriting file')

    monkeypatch.setattr('torch.save', full)
    wanted = 'out.pth could not be written: PytorchStreamWriter failed$'
    with pytest.raises(CheckpointFileError, match=wanted):
        write_file(tmp_path / 'out.pth', STATE, {})
    assert not list(tmp_path.iterdir())


def test_metadata_that_is_no_text_is_an_error(tmp_path):
    wanted = 'out.safetensors could not be written'
    with pytest.raises(CheckpointFileError, match=wanted):
        write_file(tmp_path / 'out.safetensors', STATE, dict(license='\udcff'))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['out.pth', 'out.safetensors'])
def test_views_of_one_tensor_are_written_separately(tmp_path, name):
    base = torch.zeros(10**6)
    path = tmp_path / name
    write_file(path, dict(a=base[:4], b=base[:4]), {})
    assert path.stat().st_size < 10**4
    assert_same(read_file(path)[0], dict(a=base[:4], b=base[:4]))


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('out.onnx', 'must end in .pth or .safetensors'),
        ('none/out.pth', 'none is no folder: create it'),
        ('file.pth/out.pth', 'file.pth is no folder'),
        ('folder.pth', 'is a folder: choose the name of a file in it'),
    ],
)
def test_targets_that_cannot_be_written(tmp_path, name, message):
    (tmp_path / 'folder.pth').mkdir()
    (tmp_path / 'file.pth').touch()
    with pytest.raises(CheckpointFileError, match=message):
        check_target(tmp_path / name, force=True)


def test_existing_files_and_links_are_replaced_with_force_only(tmp_path):
    taken, link = tmp_path / 'taken.pth', tmp_path / 'link.pth'
    taken.write_text('precious')
    link.symlink_to(tmp_path / 'nowhere')
    for path in (taken, link):
        with pytest.raises(CheckpointFileError, match=r'exists.*--force'):
            write_file(path, STATE, {})
        check_target(path, force=True)
    assert taken.read_text() == 'precious' and link.is_symlink()
    write_file(taken, STATE, {}, force=True)
    assert_same(read_file(taken)[0], STATE)


@pytest.fixture
def index(tmp_path):
    """A checkpoint in two shards."""
    path, weight_map = tmp_path / 'model.safetensors.index.json', {}
    for i, keys in enumerate((list(STATE)[::2], list(STATE)[1::2])):
        file = f'model-0000{i + 1}-of-00002.safetensors'
        save_file({k: STATE[k] for k in keys}, tmp_path / file)
        weight_map |= dict.fromkeys(keys, file)
    path.write_text(json.dumps({'weight_map': weight_map}))
    return path


def test_shards_are_one_checkpoint(index):
    assert_same(read_file(index)[0], STATE)
    files = (index, *sorted(index.parent.glob('model-*')))
    wanted = hashlib.sha256(b''.join(file.read_bytes() for file in files))
    assert sha256(index) == wanted.hexdigest()
    with pytest.raises(CheckpointFileError, match="to choose 'model' from"):
        read_file(index, key='model')


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('elsewhere', 'must be in the folder of the index'),
        ('itself', "names the shard 'model.safetensors.index.json'"),
        ('duplicated', r'repeats keys of another shard .* layer0\.weight'),
        ('missing', r'lack layer9\.weight'),
        ('no dict', "no 'weight_map'"),
        ('deep', "no 'weight_map'"),
    ],
)
def test_an_index_that_does_not_fit_its_shards(index, kind, message):
    weight_map = json.loads(index.read_text())['weight_map']
    first, second = sorted(set(weight_map.values()))
    if kind == 'elsewhere':
        weight_map['layer0.weight'] = f'../{first}'
    elif kind == 'itself':
        weight_map['layer0.weight'] = index.name
    elif kind == 'duplicated':
        save_file(STATE, index.parent / second)
    elif kind == 'missing':
        weight_map['layer9.weight'] = first
    content = json.dumps({'weight_map': weight_map})
    content = {'no dict': '[]', 'deep': '[' * 200_000}.get(kind, content)
    index.write_text(content)
    with pytest.raises(CheckpointFileError, match=message):
        read_file(index)
