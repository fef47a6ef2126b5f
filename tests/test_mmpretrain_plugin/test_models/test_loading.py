"""A checkpoint fills the backbone or is refused; nothing in between."""

import re
from functools import partial
from http.server import (
    BaseHTTPRequestHandler,
    SimpleHTTPRequestHandler,
    ThreadingHTTPServer,
)
from pathlib import Path
from threading import Thread

import pytest
import torch
from mmengine.model import PretrainedInit
from mmengine.runner import CheckpointLoader, load_checkpoint
from mmpretrain.registry import MODELS

from mmpretrain_plugin.checkpoint import (
    LAYOUTS,
    download,
    read,
    write,
    write_file,
)
from mmpretrain_plugin.checkpoint.download import cached_path
from tests.helpers.small_models import ARCH, small_backbone, small_fcmae


def saved(tmp_path, state, name='weights.pth'):
    path = tmp_path / name
    torch.save(dict(state_dict=state), path)
    return str(path)


def load(path, prefix='backbone.', **options):
    init = dict(type='Pretrained', checkpoint=path)
    if prefix is not None:
        init['prefix'] = prefix
    options = {'arch': ARCH, 'gap_before_final_norm': False, **options}
    model = MODELS.build(dict(type='ConvNeXtV2', init_cfg=init, **options))
    model.init_weights()
    return model


def test_weights_of_fcmae_fill_a_backbone_with_norms(tmp_path):
    fcmae = small_fcmae()
    path = saved(tmp_path, fcmae.state_dict())
    backbone = load(path, out_indices=(0, 1, 2, 3))
    for name, value in fcmae.backbone.state_dict().items():
        assert torch.equal(backbone.state_dict()[name], value.float()), name
    assert torch.equal(backbone.norm0.weight, torch.ones(4))


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(arch=dict(depths=(1, 1, 3, 1), channels=ARCH['channels'])),
         ['missing: stages.2.2.', 'depths (1, 1, 2, 1)']),
        (dict(arch=dict(depths=(1, 1, 1, 1), channels=ARCH['channels'])),
         ['left over: stages.2.1.']),
        (dict(arch=dict(depths=ARCH['depths'], channels=(4, 6, 8, 12))),
         ['of another shape', 'channels (4, 6, 8, 12)']),
        (dict(in_channels=4), ['downsample_layers.0.0.weight (4, 3, 4, 4)']),
        (dict(use_grn=False), ['left over', 'grn', 'use_grn']),
    ],
)  # fmt: skip
def test_another_model_is_refused_with_the_file_and_a_remedy(
    tmp_path, options, words
):
    path = saved(tmp_path, small_fcmae().state_dict())
    with pytest.raises(ValueError) as error:
        load(path, **options)
    message = str(error.value)
    assert message.startswith(f'{path}: the checkpoint does not fit')
    assert all(word in message for word in words), message
    assert '\n' not in message


@pytest.mark.parametrize('prefix', [None, 'backbone.', 'wrong.'])
def test_no_prefix_is_needed_for_a_file(tmp_path, prefix):
    fcmae = small_fcmae()
    path = saved(tmp_path, fcmae.state_dict())
    state = load(path, prefix=prefix).state_dict()
    for name, value in fcmae.backbone.state_dict().items():
        assert torch.equal(state[name], value.float()), name


def test_a_forgotten_prefix_is_refused_elsewhere():
    """The hosts would start from random weights and say so in a log."""
    state = small_fcmae().state_dict()
    with pytest.raises(ValueError, match='mmpretrain layout: name the file'):
        small_backbone().load_state_dict(state, strict=False)
    bare = {k.removeprefix('backbone.'): v for k, v in state.items()}
    with pytest.raises(ValueError, match=r"no key begins with 'backbone\.'"):
        small_fcmae().load_state_dict(bare, strict=False)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_loads_directly(tmp_path, layout):
    """In init_cfg, as every downstream config has it."""
    weights = read(small_fcmae().float().state_dict())
    state, _ = write(weights, layout, backbone_only=True)
    for suffix in ('.pth', '.safetensors'):
        path = tmp_path / f'weights{suffix}'
        write_file(path, state, {}, force=True)
        loaded = load(str(path), out_indices=(0, 1, 2, 3)).state_dict()
        for name, value in weights.state.items():
            if name.startswith('backbone.'):
                assert torch.equal(loaded[name[9:]], value), name
        assert torch.equal(loaded['norm0.weight'], torch.ones(4))


def test_a_list_of_initializers_is_as_safe(tmp_path):
    """The host would open the file itself, and run what is in it."""
    path, owned = tmp_path / 'evil.pth', tmp_path / 'owned'

    class Hostile:
        def __reduce__(self):
            return open, (str(owned), 'w')

    torch.save(dict(state_dict=Hostile()), path)
    pretrained = dict(type='Pretrained', checkpoint=str(path))
    xavier = dict(type='Xavier', layer='Linear')
    scoped = {**pretrained, 'type': 'mmseg.Pretrained'}
    override = {**xavier, 'override': {**pretrained, 'name': 'stages'}}
    for init in (pretrained, [xavier, pretrained], scoped, override):
        model = MODELS.build(dict(type='ConvNeXtV2', arch=ARCH, init_cfg=init))
        wanted = 'could run code when opened|in the override of another'
        with pytest.raises(ValueError, match=wanted):
            model.init_weights()
        assert not owned.exists()
    good = saved(tmp_path, small_fcmae().state_dict())
    init = [xavier, {**pretrained, 'checkpoint': good}]
    model = MODELS.build(dict(type='ConvNeXtV2', arch=ARCH, init_cfg=init))
    model.init_weights()
    name = 'stages.2.1.norm.bias'
    wanted = small_fcmae().state_dict()[f'backbone.{name}']
    assert torch.equal(model.state_dict()[name], wanted.float())


@pytest.mark.parametrize(
    'kind',
    ['mmengine.Pretrained', 'mmpretrain.Pretrained', 'mmdet.Pretrained',
     PretrainedInit],
)  # fmt: skip
def test_every_way_to_write_the_initializer(tmp_path, kind):
    path = Path(saved(tmp_path, small_fcmae().state_dict()))
    init = dict(type=kind, checkpoint=path)
    model = MODELS.build(dict(type='ConvNeXtV2', arch=ARCH, init_cfg=init))
    model.init_weights()
    name = 'stages.2.1.norm.bias'
    wanted = small_fcmae().state_dict()[f'backbone.{name}']
    assert torch.equal(model.state_dict()[name], wanted.float())


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A folder that a web server serves, its address, and what was asked."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    folder, asked = tmp_path / 'www', []
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, form, *args):
            asked.append(args)

    serve = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(('127.0.0.1', 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f'http://127.0.0.1:{server.server_port}', asked
        server.shutdown()


@pytest.mark.parametrize('layout', LAYOUTS)
def test_addresses_of_every_layout_load(web, layout):
    folder, address, asked = web
    weights = read(small_fcmae().float().state_dict())
    state, _ = write(weights, layout, backbone_only=True)
    write_file(folder / 'model.safetensors', state, {})
    url = f'{address}/model.safetensors?download=true'
    name = 'stages.2.1.pointwise_conv1.weight'
    for _ in range(2):  # the second time from the cache
        loaded = load(url).state_dict()
        assert torch.equal(loaded[name], weights.state[f'backbone.{name}'])
    assert len(asked) == 1
    with pytest.raises(ValueError, match=f'^{re.escape(url)}: the checkpoint'):
        load(url, in_channels=4)


def test_files_of_one_name_are_kept_apart_and_hosts_find_theirs(web):
    folder, address, _ = web
    for part in ('atto', 'tiny'):
        (folder / part).mkdir()
        (folder / part / 'model.pth').write_text(part)
        path = download(f'{address}/{part}/model.pth')
        assert path.read_text() == part
    name = 'convnext-v2-atto_3rdparty_in1k_20230104-07514db4.pth'
    path = cached_path(f'https://download.openmmlab.com/v0/{name}')
    assert path == Path(torch.hub.get_dir()) / 'checkpoints' / name


def test_an_address_that_is_not_there_is_named(web):
    _, address, _ = web
    url = f'{address}/missing.pth'
    with pytest.raises(ValueError, match=f'^{url} could not .* 404'):
        load(url)
    files = Path(torch.hub.get_dir()).rglob('*')
    assert not [path for path in files if path.is_file()]


def test_a_connection_that_breaks_leaves_nothing(web, monkeypatch):
    folder, address, _ = web
    assert len({cached_path(f'{address}/get?id={i}') for i in (1, 2)}) == 2
    (folder / 'part.pth').write_bytes(b'x' * 100)

    def lie(self, key, value):
        value = 1000 if key == 'Content-Length' else value
        return BaseHTTPRequestHandler.send_header(self, key, value)

    monkeypatch.setattr(SimpleHTTPRequestHandler, 'send_header', lie)
    with pytest.raises(ValueError, match='part.pth could not be downloaded'):
        load(f'{address}/part.pth')
    files = Path(torch.hub.get_dir()).rglob('*')
    assert not [path for path in files if path.is_file()]


@pytest.mark.parametrize('path', ['//etc/x/m.pth', '/../../m.pth', '/a/./b'])
def test_no_address_leaves_the_cache(path):
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    kept = cached_path(f'https://example.org{path}')
    assert folder in kept.parents and '..' not in kept.parts


def test_other_addresses_load_as_the_host_does_it(monkeypatch):
    """Of an object store, for example."""
    state = small_fcmae().state_dict()
    monkeypatch.setattr(
        CheckpointLoader,
        'load_checkpoint',
        lambda *args, **options: dict(state_dict=state),
    )
    name = 'stages.2.1.pointwise_conv1.weight'
    loaded = load('s3://bucket/convnext-v2.pth').state_dict()
    assert torch.equal(loaded[name], state[f'backbone.{name}'].float())


@pytest.mark.parametrize('layout', [x for x in LAYOUTS if x != 'mmpretrain'])
def test_elsewhere_another_layout_is_named_with_a_remedy(layout):
    """By load_from, which knows the host's layout only."""
    weights = read(small_fcmae().float().state_dict())
    state, _ = write(weights, layout, backbone_only=True)
    with pytest.raises(ValueError, match=f'{layout} layout: name the file'):
        small_backbone().load_state_dict(state, strict=False)
    with pytest.raises(ValueError, match='no key begins .* name the file'):
        small_fcmae().load_state_dict(state, strict=False)


def test_of_several_files_the_wrong_one_is_named(tmp_path):
    good = saved(tmp_path, small_fcmae().state_dict(), 'good.pth')
    bad = saved(tmp_path, {'conv1.weight': torch.zeros(1)}, 'bad.pth')
    init = [dict(type='Pretrained', checkpoint=file) for file in (good, bad)]
    model = MODELS.build(dict(type='ConvNeXtV2', arch=ARCH, init_cfg=init))
    with pytest.raises(ValueError, match=f'^{bad}: this is no ConvNeXt'):
        model.init_weights()


def test_another_network_is_refused(tmp_path):
    path = saved(tmp_path, {'backbone.conv1.weight': torch.zeros(3)})
    with pytest.raises(ValueError, match=f'^{path}: this is no ConvNeXt'):
        load(path)


def test_whole_models_are_checked_too(tmp_path):
    """By load_from and resume, whatever surrounds the backbone."""
    fcmae = small_fcmae()
    state = fcmae.state_dict()
    path = saved(tmp_path, state)
    load_checkpoint(small_fcmae(), path)
    state.pop('backbone.stages.2.1.norm.bias')
    with pytest.raises(ValueError, match='stages.2.1.norm.bias; it was cut'):
        load_checkpoint(small_fcmae(), saved(tmp_path, state))


def test_its_own_state_loads_back():
    backbone = small_backbone(out_indices=(1, 3))
    other = small_backbone(out_indices=(1, 3))
    with torch.no_grad():
        other.norm1.weight += 1
    result = other.load_state_dict(backbone.state_dict())
    assert not result.missing_keys and not result.unexpected_keys
    assert torch.equal(other.norm1.weight, backbone.norm1.weight)
