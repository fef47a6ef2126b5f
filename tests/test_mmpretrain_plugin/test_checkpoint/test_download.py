"""Downloads share mmengine's cache and are complete or raise an error."""

import hashlib
import io
import re
import sys
from functools import partial
from http.server import (
    BaseHTTPRequestHandler,
    SimpleHTTPRequestHandler,
    ThreadingHTTPServer,
)
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from mmengine.runner.checkpoint import load_from_http
from mmpretrain.registry import MODELS
from safetensors.torch import save

from mmpretrain_plugin.checkpoint import (
    CheckpointFileError,
    download_checkpoint,
    to_state_dict,
    to_weights,
    write_file,
)
from mmpretrain_plugin.checkpoint.download import cached_path
from tests.helpers.small_models import ARCH, small_fcmae

NAME = 'stages.2.1.pointwise_conv1.weight'


@pytest.fixture
def web(tmp_path, monkeypatch):
    """Serve a folder; return it, its address and the files requested."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    folder, requested = tmp_path / 'www', []
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, form, *args):
            pass

        def do_GET(self):
            requested.append(self.path)
            super().do_GET()

    serve = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(('127.0.0.1', 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f'http://127.0.0.1:{server.server_port}', requested
        server.shutdown()


def pickled():
    """Return the bytes of a small checkpoint."""
    file = io.BytesIO()
    torch.save(dict(weight=torch.ones(3)), file)
    return file.getvalue()


def cached_files():
    files = Path(torch.hub.get_dir()).rglob('*')
    return [path for path in files if path.is_file()]


def load(url, **options):
    init_cfg = dict(type='Pretrained', checkpoint=url)
    model = MODELS.build(
        dict(type='ConvNeXtV2', arch=ARCH, init_cfg=init_cfg, **options)
    )
    model.init_weights()
    return model.state_dict()


def serve_hashed(folder, content):
    """Write a file as OpenMMLab names it, and return its name."""
    digest = hashlib.sha256(content).hexdigest()
    name = f'convnext-v2-atto_3rdparty-fcmae_in1k_20230104-{digest[:8]}.pth'
    (folder / name).write_bytes(content)
    return name


@pytest.fixture
def checkpoint():
    """Bytes of a small checkpoint, and one of its weights."""
    fcmae, file = small_fcmae().float(), io.BytesIO()
    torch.save(dict(state_dict=fcmae.state_dict()), file)
    return file.getvalue(), fcmae.backbone.state_dict()[NAME]


@pytest.mark.parametrize('name', ['mmpretrain', 'timm'])
def test_init_cfg_downloads_once(web, name):
    folder, address, requested = web
    weights = to_weights(small_fcmae().float().state_dict())
    state, _ = to_state_dict(weights, name, backbone_only=True)
    write_file(folder / 'model.safetensors', state, {})
    url = f'{address}/model.safetensors?download=true'
    for _ in range(2):
        assert torch.equal(load(url)[NAME], weights.backbone[NAME])
    assert len(requested) == 1
    with pytest.raises(ValueError, match=f'^{re.escape(url)}: the checkpoint'):
        load(url, in_channels=4)


def test_a_file_that_mmengine_cached_is_used(web, checkpoint):
    folder, address, requested = web
    content, wanted = checkpoint
    url = f'{address}/{serve_hashed(folder, content)}'
    load_from_http(url)
    assert len(requested) == 1
    assert torch.equal(load(url)[NAME], wanted)
    assert len(requested) == 1


def test_mmengine_uses_a_file_that_is_cached_here(web, checkpoint):
    folder, address, requested = web
    content, wanted = checkpoint
    url = f'{address}/{serve_hashed(folder, content)}'
    assert torch.equal(load(url)[NAME], wanted)
    loaded = load_from_http(url)['state_dict']
    assert torch.equal(loaded[f'backbone.{NAME}'], wanted)
    assert len(requested) == 1


def test_the_hash_in_a_file_name_is_verified(web, checkpoint):
    folder, address, _ = web
    name = serve_hashed(folder, checkpoint[0])
    (folder / name).write_bytes(checkpoint[0] + b'x')
    wanted = f'{name} could not be downloaded .*invalid hash'
    with pytest.raises(CheckpointFileError, match=wanted):
        download_checkpoint(f'{address}/{name}')
    assert not cached_files()


def test_a_date_is_not_a_hash(web):
    folder, address, _ = web
    (folder / 'model-20230104.pth').write_bytes(pickled())
    path = download_checkpoint(f'{address}/model-20230104.pth')
    assert path.read_bytes() == pickled()


def test_equal_names_at_two_addresses_are_two_files(web):
    folder, address, _ = web
    for part in ('atto', 'tiny'):
        (folder / part).mkdir()
        content = save({part: torch.ones(3)})
        (folder / part / 'model.safetensors').write_bytes(content)
        path = download_checkpoint(f'{address}/{part}/model.safetensors')
        assert path.read_bytes() == content
    queries = {cached_path(f'{address}/get?id={i}') for i in (1, 2)}
    assert len(queries) == 2


def test_an_address_without_a_file_is_named(web):
    _, address, _ = web
    url = f'{address}/missing.pth'
    wanted = f'^{url} could not .* 404.* set checkpoint to the file'
    with pytest.raises(CheckpointFileError, match=wanted):
        download_checkpoint(url)
    assert not cached_files()
    with pytest.raises(CheckpointFileError, match='contains no file name'):
        download_checkpoint(address)


def test_an_unreachable_server_is_named(web):
    url = 'http://127.0.0.1:9/model.pth'
    with pytest.raises(CheckpointFileError, match=f'^{url} could not'):
        download_checkpoint(url)
    assert not cached_files()


def test_a_broken_connection_leaves_no_file(web, monkeypatch):
    folder, address, _ = web
    (folder / 'part.pth').write_bytes(b'x' * 100)

    def send_header(self, key, value):
        value = 1000 if key == 'Content-Length' else value
        return BaseHTTPRequestHandler.send_header(self, key, value)

    monkeypatch.setattr(SimpleHTTPRequestHandler, 'send_header', send_header)
    wanted = 'part.pth could not be downloaded .received 100 of 1000 bytes'
    with pytest.raises(CheckpointFileError, match=wanted):
        download_checkpoint(f'{address}/part.pth')
    assert not cached_files()


def test_a_server_may_answer_get_only(web, monkeypatch):
    folder, address, _ = web
    (folder / 'model.pth').write_bytes(pickled())
    monkeypatch.delattr(SimpleHTTPRequestHandler, 'do_HEAD')
    path = download_checkpoint(f'{address}/model.pth')
    assert path.read_bytes() == pickled()


@pytest.mark.parametrize('answer', ['no length', 'closed'])
def test_an_answer_to_head_may_be_useless(web, monkeypatch, answer):
    folder, address, _ = web
    (folder / 'model.pth').write_bytes(pickled())

    def do_head(self):
        if answer == 'no length':
            self.send_response(200)
            self.send_header('Content-Length', '0')
            self.end_headers()
        self.close_connection = True

    monkeypatch.setattr(SimpleHTTPRequestHandler, 'do_HEAD', do_head)
    path = download_checkpoint(f'{address}/model.pth')
    assert path.read_bytes() == pickled()


def test_the_names_of_trained_models_have_hashes_too():
    """MMDetection and MMSegmentation write date and time before the hash."""
    name = 'mask_rcnn_r50_20210526_120447-2f69f2d9.pth'
    cached = cached_path(f'https://example.org/a/{name}')
    assert cached == Path(torch.hub.get_dir()) / 'checkpoints' / name


def test_a_damaged_file_in_the_cache_is_named(web):
    _, address, _ = web
    url = f'{address}/model.pth'
    cached_path(url).parent.mkdir(parents=True)
    cached_path(url).write_text('not a checkpoint')
    with pytest.raises(CheckpointFileError) as error:
        load(url)
    message = str(error.value)
    assert message.startswith(f'{cached_path(url)} is')
    assert message.endswith(f'delete it to download {url} again')


@pytest.mark.parametrize('suffix', ['pth', 'safetensors', 'json'])
@pytest.mark.parametrize(
    'content',
    [
        b'<!doctype html><title>Accept the license first</title>',
        b'',
        b'version https://git-lfs.github.com/spec/v1\n',
        pickled()[:100],
    ],
    ids=['page', 'empty', 'pointer', 'truncated'],
)
def test_what_is_no_checkpoint_is_not_kept(web, suffix, content):
    folder, address, _ = web
    url = f'{address}/model.{suffix}'
    (folder / f'model.{suffix}').write_bytes(content)
    with pytest.raises(CheckpointFileError) as error:
        download_checkpoint(url)
    message = str(error.value)
    assert message.startswith(f'{url} could not be downloaded (the server sen')
    assert '\n' not in message
    assert not cached_files()


def test_a_damaged_archive_is_not_kept(web):
    folder, address, _ = web
    content = bytearray(pickled())
    middle = content.index(np.float32([1, 1, 1]).tobytes())
    content[middle] ^= 1
    (folder / 'model.pth').write_bytes(content)
    with pytest.raises(CheckpointFileError, match='do not have their checksu'):
        download_checkpoint(f'{address}/model.pth')
    assert not cached_files()


@pytest.mark.parametrize(
    'url', ['http://[bad/x.pth', 'https://example.org:port/x.pth', 'http://']
)
def test_an_odd_address_is_one_line(web, url):
    with pytest.raises(CheckpointFileError) as error:
        download_checkpoint(url)
    assert str(error.value).startswith(url)
    assert '\n' not in str(error.value)


def test_a_file_in_the_place_of_the_cache_is_one_line(web):
    folder, address, _ = web
    (folder / 'model.pth').write_bytes(pickled())
    hub = Path(torch.hub.get_dir())
    hub.parent.mkdir(parents=True)
    hub.touch()
    with pytest.raises(CheckpointFileError, match='could not be downloaded'):
        download_checkpoint(f'{address}/model.pth')


@pytest.mark.parametrize('path', ['//etc/x/m.pth', '/../../m.pth', '/a/./b'])
def test_no_address_is_cached_outside_the_cache(path):
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    cached = cached_path(f'https://example.org{path}')
    assert folder in cached.parents and '..' not in cached.parts


@pytest.fixture
def process(monkeypatch):
    """Return a function that acts as a process of distributed training."""
    module = sys.modules[download_checkpoint.__module__]

    def process(rank, at_barrier):
        monkeypatch.setattr(module, 'get_rank', lambda: rank)
        monkeypatch.setattr(module, 'barrier', at_barrier)

    return process


def test_other_processes_wait_for_the_first(web, process):
    folder, address, requested = web
    (folder / 'model.pth').write_bytes(pickled())
    url = f'{address}/model.pth'

    def first_process():
        assert not requested
        process(rank=0, at_barrier=lambda: None)
        download_checkpoint(url)

    process(rank=1, at_barrier=first_process)
    assert download_checkpoint(url).read_bytes() == pickled()
    assert len(requested) == 1


def test_a_failure_of_the_first_process_does_not_block_others(web, process):
    _, address, _ = web
    reached = []
    process(rank=0, at_barrier=lambda: reached.append(True))
    with pytest.raises(CheckpointFileError, match='404'):
        download_checkpoint(f'{address}/missing.pth')
    assert reached
