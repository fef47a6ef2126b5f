"""The command line converts, or says in a line why not and writes nothing."""

import hashlib
import io
import json
import os
import pickle
import re
import struct
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import convert_checkpoint
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmpretrain.registry import MODELS
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mmpretrain_plugin.checkpoint import LAYOUTS, read, write
from tests.helpers.small_models import randomize
from tests.helpers.small_weights import (
    assert_same,
    make_weights,
)


def run(*words):
    """Call the tool as its command line does, in this process."""
    out, error, status = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, 'argv', ['convert', *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(error),
    ):
        try:
            convert_checkpoint.main()
        except SystemExit as end:
            status = end.code
    if isinstance(status, str):  # what Python prints at the end
        error.write(f'{status}\n')
        status = 1
    return SimpleNamespace(
        returncode=status, stdout=out.getvalue(), stderr=error.getvalue()
    )


def refused(result, folder, *words):
    """One line on standard error, a status, nothing written."""
    assert result.returncode == 1, result.stdout + result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
    assert not list(folder.glob('**/*.part'))
    assert not (folder / 'out.pth').exists()


@pytest.fixture
def source(tmp_path):
    """A training checkpoint of mmengine, with its logs."""
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        dict(
            state_dict=make_weights().state,
            meta=dict(epoch=1, cfg='model = 1'),
            message_hub=dict(
                log_scalars=dict(loss=HistoryBuffer([1.0, 2.0], [1, 1])),
                runtime_info=dict(loss=np.float64(3.0)),
            ),
            optimizer=dict(state={}),
        ),
        path,
    )
    return path


def test_it_converts_and_says_what_it_did(source, tmp_path):
    out = tmp_path / 'out.safetensors'
    result = run(
        source, out, '--to', 'timm', '--verify', '--licence', 'CC-BY-NC 4.0',
        '--backbone-only',
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    wanted = 'mmpretrain layout, ConvNeXt V2, depths (2, 2, 6, 2)'
    assert wanted in result.stdout
    verified = r'difference on an image: (\S+) of (\S+) .*project and timm'
    difference, size = re.search(verified, result.stdout).groups()
    assert float(difference) <= 1e-5 * float(size)
    state, _ = write(make_weights(), 'timm', backbone_only=True)
    assert_same(load_file(out), state)
    with safe_open(out, framework='pt') as file:
        about = file.metadata()
    assert about['source'] == 'epoch_1.pth'
    assert about['licence'] == 'CC-BY-NC 4.0'
    assert len(about['source_sha256']) == 64
    # What a file says about itself goes on with it.
    again = tmp_path / 'again.pth'
    assert run(out, again, '--to', 'huggingface').returncode == 0
    state = torch.load(again, weights_only=True)
    assert state._metadata['']['licence'] == 'CC-BY-NC 4.0'
    assert state._metadata['']['source'] == 'epoch_1.pth'


def test_it_never_overwrites_unasked(source, tmp_path):
    out = tmp_path / 'taken.pth'
    out.write_text('precious')
    result = run(source, out, '--to', 'official')
    refused(result, tmp_path, 'taken.pth exists', '--force')
    assert out.read_text() == 'precious'
    assert run(source, out, '--to', 'official', '--force').returncode == 0
    content = torch.load(out, weights_only=True)
    assert set(content) == {'model', 'meta'}
    assert_same(read(content['model']).state, make_weights().state)


def test_a_crash_leaves_nothing_half_written(source, tmp_path, monkeypatch):
    from mmpretrain_plugin.checkpoint import files

    def die(*args, **kwargs):
        Path(args[1]).write_text('half')
        raise KeyboardInterrupt

    monkeypatch.setattr(files.torch, 'save', die)
    with pytest.raises(KeyboardInterrupt):
        files.write_file(tmp_path / 'out.pth', {}, {}, 'state_dict')
    assert {p.name for p in tmp_path.iterdir()} == {'epoch_1.pth'}


def test_shards_are_read_together(tmp_path):
    state, _ = write(make_weights(), 'huggingface')
    names, weight_map = sorted(state), {}
    for i, part in enumerate((names[::2], names[1::2])):
        file = f'model-0000{i + 1}-of-00002.safetensors'
        save_file({k: state[k] for k in part}, tmp_path / file)
        weight_map |= dict.fromkeys(part, file)
    index = tmp_path / 'model.safetensors.index.json'
    index.write_text(json.dumps({'weight_map': weight_map}))
    out = tmp_path / 'out.pth'
    assert run(index, out, '--to', 'mmpretrain').returncode == 0
    content = torch.load(out, weights_only=True)
    assert_same(content['state_dict'], read(state).state)
    files = (index, *sorted(tmp_path.glob('model-*')))
    wanted = hashlib.sha256(b''.join(f.read_bytes() for f in files))
    assert content['meta']['source_sha256'] == wanted.hexdigest()
    refused(
        run(index, tmp_path / 'no.pth', '--to', 'timm', '--key', 'model'),
        tmp_path / 'none', "no keys to choose 'model' from",
    )  # fmt: skip
    weight_map[names[0]] = '../elsewhere.safetensors'
    index.write_text(json.dumps({'weight_map': weight_map}))
    out.unlink()
    refused(run(index, out, '--to', 'timm'), tmp_path, 'beside the index')


def test_official_files_with_options_open_without_trust(tmp_path):
    state, _ = write(make_weights(), 'official')
    path = tmp_path / 'convnextv2.pt'
    torch.save(dict(model=state, args=Namespace(lr=1e-3), epoch=3), path)
    out = tmp_path / 'out.pth'
    assert run(path, out, '--to', 'mmpretrain').returncode == 0


class Hostile:
    def __reduce__(self):
        return os.system, (f'touch {Path.cwd() / "owned"}',)


@pytest.mark.parametrize('protocol', ['zip', 'legacy', 'pickle'])
def test_a_hostile_pickle_is_not_run(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    path, content = tmp_path / 'evil.pth', dict(state_dict=Hostile())
    if protocol == 'pickle':
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(
            content, path,
            _use_new_zipfile_serialization=protocol == 'zip',
        )  # fmt: skip
    refused(run(path, tmp_path / 'out.pth', '--to', 'timm'), tmp_path, 'evil')
    assert not (tmp_path / 'owned').exists()


class Unknown:
    """What no list of harmless objects has."""


def test_trust_is_an_explicit_switch(tmp_path):
    path = tmp_path / 'odd.pth'
    torch.save(dict(state_dict=make_weights().state, odd=Unknown()), path)
    words = (path, tmp_path / 'out.pth', '--to', 'timm')
    refused(run(*words), tmp_path, '--trust', 'Unknown')
    assert run(*words, '--trust').returncode == 0


def test_a_result_that_differs_is_not_written(source, tmp_path, monkeypatch):
    from mmpretrain_plugin.checkpoint import verify

    maps = iter([torch.ones(1), torch.tensor([float('nan')])])
    monkeypatch.setattr(
        sys.modules[verify.__module__], 'last_map', lambda *_: (next(maps), '')
    )
    words = (source, tmp_path / 'out.pth', '--to', 'timm', '--verify')
    refused(run(*words), tmp_path, 'nothing is written: largest difference')


@pytest.mark.parametrize('layout', LAYOUTS)
def test_distributed_checkpoints_are_verified(tmp_path, layout):
    state, _ = write(make_weights(), layout)
    path = tmp_path / 'in.pth'
    torch.save({f'module.{k}': v for k, v in state.items()}, path)
    result = run(path, tmp_path / 'out.pth', '--to', 'official', '--verify')
    assert result.returncode == 0, result.stderr


def add_second_contents(path):
    """Put a table of contents with smaller sizes where Python looks for it.

    torch reads the one at the offset that the end of the archive names.
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


def test_what_a_file_says_of_itself_is_short_text(tmp_path):
    laugh = 'a'
    for _ in range(40):  # as text it would fill the memory
        laugh = [laugh, laugh]
    meta = dict(source=laugh, licence='MIT', source_sha256='x' * 10**6)
    path, out = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save(dict(state_dict=make_weights().state, meta=meta), path)
    assert run(path, out, '--to', 'official').returncode == 0
    about = torch.load(out, weights_only=True)['meta']
    assert about['source'] == 'in.pth' and about['licence'] == 'MIT'
    assert len(about['source_sha256']) == 64


def test_a_licence_that_is_no_text_is_one_line(source, tmp_path):
    words = (source, tmp_path / 'out.safetensors', '--to', 'timm')
    result = run(*words, '--licence', '\udcff')
    refused(result, tmp_path, 'out.safetensors could not be written')


def test_shards_agree(tmp_path):
    state, _ = write(make_weights(), 'huggingface')
    names = sorted(state)
    for i in (1, 2):  # with one weight in both
        part = {k: state[k] + i for k in names[: len(names) // i]}
        save_file(part, tmp_path / f's{i}.safetensors')
    index = tmp_path / 'index.json'
    words = (index, tmp_path / 'out.pth', '--to', 'timm')
    index.write_text(json.dumps({'weight_map': {
        'a': 's1.safetensors', 'b': 's2.safetensors'}}))  # fmt: skip
    refused(run(*words), tmp_path, 'has again what another shard', names[0])
    index.write_text(json.dumps({'weight_map': {'a': 's1.safetensors'}}))
    refused(run(*words), tmp_path, 'lack a')


def test_a_dangling_link_is_not_replaced(source, tmp_path):
    link = tmp_path / 'link.pth'
    link.symlink_to(tmp_path / 'nowhere')
    refused(run(source, link, '--to', 'timm'), tmp_path, '--force')
    assert link.is_symlink()


def damaged(kind, tmp_path):
    """Write a bad file and return it with words of the message."""
    path = tmp_path / 'bad.pth'
    if kind == 'missing':
        return path, ('does not exist',)
    if kind == 'text':
        path = tmp_path / 'bad.pt'
        path.write_text('these are not the weights you are looking for')
        return path, ('bad.pt',)
    if kind == 'a folder':
        path.mkdir()
        return path, ('is a folder',)
    if kind == 'its own index':
        path = path.with_suffix('.json')
        path.write_text(json.dumps({'weight_map': {'a': path.name}}))
        return path, ("names the shard 'bad.json'",)
    if kind == 'sparse':
        torch.save(dict(state_dict=dict(a=torch.eye(3).to_sparse())), path)
        return path, ('larger than what it stores of them: a',)
    if kind == 'meta':
        torch.save(dict(state_dict=dict(a=torch.ones(3, device='meta'))), path)
        return path, ('bad.pth',)
    if kind == 'nested':
        nested = torch.nested.nested_tensor([torch.ones(2)])
        torch.save(dict(state_dict=dict(a=nested)), path)
        return path, ('bad.pth',)
    if kind == 'shared':
        store = torch.zeros(10**6)
        torch.save({f'a{i}': store[i:] for i in range(9)}, path)
        return path, ('bytes and claims',)
    if kind == 'two contents':
        torch.save(make_weights().state, path)
        add_second_contents(path)
        return path, ('would unpack to more',)
    if kind == 'bytearray':
        path.write_bytes(b'\x80\x05\x96' + struct.pack('<Q', 3 << 30) + b'.')
        return path, ('bad.pth',)
    if kind == 'program':
        torch.jit.script(torch.nn.Linear(2, 2)).save(path)
        return path, ('is a TorchScript program',)
    if kind == 'deep index':
        path = path.with_suffix('.json')
        path.write_text('[' * 200_000)
        return path, ('is no index of shards',)
    if kind == 'escapes':
        torch.save({'a\nb\x1b[31m': torch.ones(2)}, path)
        return path, (r'a\nb\x1b[31m',)
    if kind == 'pretender':
        state = OrderedDict(make_weights().state)
        state.get = torch.zeros(1)
        state['backbone.x'] = torch.zeros(1)
        torch.save(state, path)
        return path, ('left over: backbone.x',)
    if kind == 'long name':
        return tmp_path / ('a' * 300), ('File name too long',)
    if kind == 'numbered':
        torch.save({1: torch.ones(3)}, path)
        return path, ('holds no tensors',)
    if kind == 'empty':
        path.touch()
        return path, ('bad.pth is damaged or no checkpoint',)
    if kind == 'no tensors':
        torch.save(dict(state_dict=dict(a=1)), path)
        return path, ('holds no tensors',)
    if kind == 'a list':
        torch.save([1, 2], path)
        return path, ('holds a list',)
    if kind == 'safetensors':
        path = path.with_suffix('.safetensors')
        path.write_bytes(b'\xff' * 100)
        return path, ('damaged or no safetensors',)
    if kind == 'index':
        path = path.with_suffix('.json')
        path.write_text('[]')
        return path, ("no 'weight_map'",)
    if kind == 'bomb':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('archive/data.pkl', b'\0' * 50_000_000)
        return path, ('would unpack to more',)
    if kind == 'hollow':
        huge = torch.zeros(1).expand(10**9)
        torch.save(dict(state_dict=dict(a=huge)), path)
        return path, ('larger than what it stores of them: a',)
    torch.save(dict(state_dict=make_weights().state), path)
    if kind == 'truncated':
        path.write_bytes(path.read_bytes()[:-2000])
        return path, ('bad.pth',)
    state = make_weights().state
    name = 'backbone.stages.0.0.norm.bias'
    if kind == 'nan':
        state[name] = state[name] * float('nan')
        words = ('NaN', name)
    else:
        state[name] = state[name].long()
        words = ('not floating-point', name)
    torch.save(dict(state_dict=state), path)
    return path, words


@pytest.mark.parametrize(
    'kind',
    ['missing', 'text', 'empty', 'no tensors', 'a list', 'safetensors',
     'index', 'bomb', 'hollow', 'truncated', 'nan', 'dtype', 'a folder',
     'its own index', 'sparse', 'meta', 'numbered', 'nested', 'shared',
     'two contents', 'bytearray', 'program', 'deep index', 'escapes',
     'pretender', 'long name'],
)  # fmt: skip
def test_bad_files_end_in_one_line(kind, tmp_path):
    path, words = damaged(kind, tmp_path)
    refused(run(path, tmp_path / 'out.pth', '--to', 'timm'), tmp_path, *words)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('out.onnx', 'must end in .pth or .safetensors'),
        ('none/out.pth', 'none is no folder: make it'),
        ('epoch_1.pth/out.pth', 'epoch_1.pth is no folder'),
        ('folder.pth', 'is a folder: name a file in it'),
    ],
)
def test_a_target_is_refused_before_the_source_is_read(
    source, tmp_path, name, message
):
    (tmp_path / 'folder.pth').mkdir()
    before = sorted(tmp_path.rglob('*'))
    with mock.patch.object(convert_checkpoint, 'read_file') as reader:
        result = run(source, tmp_path / name, '--to', 'timm', '--force')
    refused(result, tmp_path, message)
    assert not reader.called
    assert sorted(tmp_path.rglob('*')) == before


def test_a_full_disk_is_one_line(source, tmp_path, monkeypatch):
    def full(content, path):
        Path(path).write_text('half')
        raise RuntimeError('PytorchStreamWriter failed\nwriting file')

    monkeypatch.setattr('torch.save', full)
    result = run(source, tmp_path / 'out.pth', '--to', 'official')
    refused(result, tmp_path, 'out.pth could not be written: Pytorch')


def test_views_of_one_tensor_are_written_for_themselves(tmp_path):
    state = make_weights().state
    whole = torch.zeros(1000, 16)
    name = 'backbone.stages.0.0.norm.bias'
    other = 'backbone.stages.0.1.norm.bias'
    state[name] = state[other] = whole[0, :4]
    path = tmp_path / 'in.pth'
    torch.save(dict(state_dict=state), path)
    for suffix in ('.pth', '.safetensors'):
        out = tmp_path / f'out{suffix}'
        assert run(path, out, '--to', 'timm').returncode == 0
        assert out.stat().st_size < path.stat().st_size


def test_another_key_is_taken_on_request(tmp_path):
    state, _ = write(make_weights(), 'official')
    average = {k: v + 1 for k, v in state.items()}
    path, out = tmp_path / 'a.pth', tmp_path / 'out.pth'
    torch.save(dict(model=state, model_ema=average), path)
    words = (path, out, '--to', 'official')
    assert run(*words, '--key', 'model_ema').returncode == 0
    assert_same(torch.load(out, weights_only=True)['model'], average)
    out.unlink()
    refused(run(*words, '--key', 'ema'), tmp_path, "no state dict at 'ema'")


def test_stems_adapt(source, tmp_path):
    out = tmp_path / 'out.pth'
    words = (source, out, '--to', 'mmpretrain', '--in-channels')
    result = run(*words, 4, '--verify')
    assert result.returncode == 0
    assert 'made for the old channels: ' in result.stdout
    state = torch.load(out, weights_only=True)['state_dict']
    stem = state['backbone.downsample_layers.0.0.weight']
    assert stem.shape == (4, 4, 4, 4)
    result = run(*words, 2, '--adapt', 'sum', '--force')
    assert result.returncode == 1 and 'choose' in result.stderr
    result = run(source, out, '--to', 'timm', '--adapt', 'sum')
    assert result.returncode == 2 and 'needs --in-channels' in result.stderr


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_by_both_suffixes(source, tmp_path, layout):
    for suffix in ('.pth', '.safetensors'):
        out = tmp_path / f'{layout}{suffix}'
        assert run(source, out, '--to', layout).returncode == 0
        back = tmp_path / f'back-{layout}{suffix}.pth'
        assert run(out, back, '--to', 'mmpretrain').returncode == 0


@pytest.mark.parametrize('layout', ['timm', 'huggingface'])
@pytest.mark.parametrize(('patch', 'depths'), [(2, 4), (16, 4), (4, 3)])
def test_other_stems_and_stages_are_verified_too(
    tmp_path, layout, patch, depths
):
    """timm has neither three stages nor the strides of other patches."""
    model = randomize(
        MODELS.build(
            dict(
                type='mmpretrain.ConvNeXtV2',
                arch=dict(
                    depths=(1,) * depths, channels=(4, 8, 12, 16)[:depths]
                ),
                stem_patch_size=patch,
            )
        )
    ).float()
    path, out = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save(model.state_dict(), path)
    result = run(path, out, '--to', layout, '--verify', '--backbone-only')
    assert result.returncode == 0, result.stderr
    verified = r'difference on an image: (\S+) of (\S+) .*project and (.*)\)'
    difference, size, whose = re.search(verified, result.stdout).groups()
    assert float(difference) <= 1e-5 * float(size)
    others = dict(timm='this project', huggingface='transformers')
    assert whose == others[layout]
