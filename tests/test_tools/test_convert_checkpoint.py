"""The command line converts, or prints one line and writes nothing."""

import re
import sys

import convert_checkpoint
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    to_state_dict,
    to_weights,
    verify,
)
from mmpretrain_plugin.checkpoint.stem import STEM
from tests.helpers.small_weights import assert_same, make_weights, weights_for


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs the command line and returns its output."""

    def run(*words):
        argv = ['convert_checkpoint.py', *map(str, words)]
        monkeypatch.setattr(sys, 'argv', argv)
        convert_checkpoint.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def error_of(run, tmp_path):
    """Return a function that runs the command line and returns its error."""

    def error_of(*words):
        before = sorted(tmp_path.rglob('*'))
        with pytest.raises(SystemExit) as error:
            run(*words)
        message = error.value.code
        assert isinstance(message, str) and message.isprintable()
        assert sorted(tmp_path.rglob('*')) == before
        return message

    return error_of


def save(path, weights):
    """Save weights as a training of MMPretrain does."""
    state, _ = to_state_dict(weights, 'mmpretrain')
    torch.save(dict(state_dict=state, meta=dict(epoch=1)), path)
    return path


@pytest.fixture
def source(tmp_path):
    return save(tmp_path / 'epoch_1.pth', make_weights())


def test_it_converts_and_prints_what_it_did(source, tmp_path, run):
    out = tmp_path / 'out.safetensors'
    printed = run(
        source, out, '--to', 'timm', '--verify', '--license', 'CC-BY-NC 4.0',
        '--backbone-only',
    )  # fmt: skip
    wanted = 'mmpretrain format, ConvNeXt V2, depths (2, 2, 6, 2)'
    assert wanted in printed
    verified = r'difference on an image: (\S+) of (\S+) .*project and timm'
    difference, largest = re.search(verified, printed).groups()
    assert float(difference) <= 1e-5 * float(largest)
    state, _ = to_state_dict(make_weights(), 'timm', backbone_only=True)
    assert_same(load_file(out), state)
    with safe_open(out, framework='pt') as file:
        metadata = file.metadata()
    assert metadata['source'] == 'epoch_1.pth'
    assert metadata['source_format'] == 'mmpretrain'
    assert metadata['license'] == 'CC-BY-NC 4.0'
    assert len(metadata['source_sha256']) == 64
    # The next conversion copies the metadata.
    again = tmp_path / 'again.pth'
    run(out, again, '--to', 'huggingface')
    state = torch.load(again, weights_only=True)
    del metadata['format']
    assert state._metadata[''] == metadata


@pytest.mark.parametrize('option', ['--license', '--licence'])
def test_both_spellings_of_the_license(source, tmp_path, run, option):
    out = tmp_path / 'out.pth'
    run(source, out, '--to', 'mmpretrain', option, 'MIT')
    meta = torch.load(out, weights_only=True)['meta']
    assert meta['license'] == 'MIT'


def test_metadata_of_earlier_versions_is_copied(source, tmp_path, run):
    content = torch.load(source, weights_only=True)
    content['meta'] = {'source_layout': 'official', 'licence': 'MIT'}
    torch.save(content, source)
    run(source, tmp_path / 'out.pth', '--to', 'mmpretrain')
    meta = torch.load(tmp_path / 'out.pth', weights_only=True)['meta']
    assert meta['source_format'] == 'official' and meta['license'] == 'MIT'
    assert 'licence' not in meta and 'source_layout' not in meta


def test_it_replaces_files_with_force_only(source, tmp_path, run, error_of):
    out = tmp_path / 'taken.pth'
    out.write_text('precious')
    message = error_of(source, out, '--to', 'official')
    assert 'taken.pth exists' in message and '--force' in message
    assert out.read_text() == 'precious'
    run(source, out, '--to', 'official', '--force')
    content = torch.load(out, weights_only=True)
    assert set(content) == {'model', 'meta'}
    weights = to_weights(content['model'])
    assert_same(weights.by_name(), make_weights().by_name())


def test_a_target_is_checked_before_the_source_is_read(
    tmp_path, monkeypatch, error_of
):
    def fail(*args):
        raise AssertionError

    monkeypatch.setattr(convert_checkpoint, 'read_file', fail)
    message = error_of('source.pth', tmp_path / 'out.onnx', '--to', 'timm')
    assert 'must end in .pth or .safetensors' in message


def test_files_that_contain_code_need_trust(source, tmp_path, run, error_of):
    content = torch.load(source, weights_only=True)
    torch.save({**content, 'odd': convert_checkpoint.Architecture}, source)
    words = (source, tmp_path / 'out.pth', '--to', 'timm')
    message = error_of(*words)
    assert 'Architecture' in message and '--trust' in message
    run(*words, '--trust')
    assert (tmp_path / 'out.pth').exists()


def test_a_state_dict_under_another_key(source, tmp_path, run):
    state = torch.load(source, weights_only=True)['state_dict']
    average = {key: value + 1 for key, value in state.items()}
    torch.save(dict(state_dict=state, model_ema=average), source)
    out = tmp_path / 'out.pth'
    run(source, out, '--to', 'mmpretrain', '--key', 'model_ema')
    content = torch.load(out, weights_only=True)
    assert_same(content['state_dict'], average)


def test_incomplete_weights_are_not_written(source, tmp_path, error_of):
    content = torch.load(source, weights_only=True)
    del content['state_dict']['backbone.stages.0.0.norm.bias']
    torch.save(content, source)
    message = error_of(source, tmp_path / 'out.pth', '--to', 'timm')
    assert 'missing: backbone.stages.0.0.norm.bias' in message


def test_a_result_that_differs_is_not_written(
    source, tmp_path, monkeypatch, error_of
):
    maps = iter([torch.ones(1), torch.tensor([float('nan')])])
    monkeypatch.setattr(
        sys.modules[verify.__module__],
        'last_feature_map',
        lambda *_: (next(maps), ''),
    )
    words = (source, tmp_path / 'out.pth', '--to', 'timm', '--verify')
    assert 'nothing is written: largest difference' in error_of(*words)


def test_keys_cannot_control_the_terminal(tmp_path, error_of):
    path = tmp_path / 'escapes.pth'
    torch.save({'a\nb\x1b[31m': torch.ones(2)}, path)
    message = error_of(path, tmp_path / 'out.pth', '--to', 'timm')
    assert r'a\nb\x1b[31m' in message


def test_errors_of_the_system_name_the_source(tmp_path, error_of):
    path = tmp_path / ('a' * 300)
    message = error_of(path, tmp_path / 'out.pth', '--to', 'timm')
    assert message.startswith(f'{path}: OSError')


@pytest.mark.parametrize('name', FORMATS)
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_every_format_with_both_suffixes(tmp_path, run, name, suffix):
    source = save(tmp_path / 'source.pth', weights_for(name))
    out = tmp_path / f'out{suffix}'
    run(source, out, '--to', name)
    assert f'{out}: {name} format' in run(
        out, tmp_path / 'back.pth', '--to', 'mmpretrain'
    )


def test_the_stem_adapts(source, tmp_path, run, error_of, capsys):
    out = tmp_path / 'out.pth'
    words = (source, out, '--to', 'mmpretrain')
    assert 'the old channels: the decoder' in run(
        *words, '--in-channels', 4, '--verify'
    )
    state = torch.load(out, weights_only=True)['state_dict']
    assert state[f'backbone.{STEM}'].shape == (4, 4, 4, 4)
    assert not any(key.startswith('neck.') for key in state)
    adapt = ('--in-channels', 2, '--adapt', 'sum', '--force')
    assert 'choose' in error_of(*words, *adapt)
    with pytest.raises(SystemExit) as error:
        run(*words, '--adapt', 'sum')
    assert error.value.code == 2
    assert 'needs --in-channels' in capsys.readouterr().err
