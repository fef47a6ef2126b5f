"""Commands of the documentation are run."""

import re
import shlex
import sys
from argparse import ArgumentParser
from pathlib import Path
from unittest import mock

import convert_checkpoint
import pytest
import torch
from mim.commands.train import cli as mim_train
from mmengine.config import Config, DictAction
from mmengine.registry import MODELS, STRATEGIES, DefaultScope

from mmpretrain_plugin.checkpoint import (
    LAYOUTS,
    read,
    read_file,
    write,
    write_file,
)
from tests.helpers.small_models import randomize
from tests.helpers.small_weights import make_weights
from tests.test_configs import CONFIGS

PAGE = Path(__file__).resolve().parents[1] / 'docs/checkpoints.md'
TEXT = PAGE.read_text()
COMMANDS = [
    line
    for block in re.findall(r'```bash\n(.*?)```', TEXT, re.DOTALL)
    for line in block.splitlines()
]


def test_every_conversion_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict=make_weights().state), 'mmpretrain.pth')
    conversions = [c for c in COMMANDS if 'convert_checkpoint' in c]
    assert len(conversions) == 6
    directions = set()
    for command in conversions:
        words = shlex.split(command)[1:]
        with mock.patch.object(sys, 'argv', words):
            convert_checkpoint.main()
        directions.add(words[words.index('--to') + 1])
        assert (tmp_path / words[2]).stat().st_size > 1000
    assert directions == set(LAYOUTS)
    assert '(models of this project and timm)' in capsys.readouterr().out
    state, about = read_file(tmp_path / 'back.pth')
    assert about['licence'] == 'CC-BY-NC 4.0'
    wanted = make_weights().state
    for key, value in read(state).state.items():
        assert torch.equal(value, wanted[key]), key


def test_the_page_names_every_layout_and_option():
    assert set(re.findall(r'^\| `([\w-]+)` \|', TEXT, re.MULTILINE)) == set(
        LAYOUTS
    )
    parser = convert_checkpoint.build_parser()
    options = {o for action in parser._actions for o in action.option_strings}
    named = set(re.findall(r'(?<![\w-])--\w[\w-]*', TEXT))
    assert named - {'--cfg-options'} == options - {'-h', '--help'}


def test_the_training_of_the_page_loads_what_it_names(tmp_path, monkeypatch):
    """Its config with its options, but for the data: the weights arrive."""
    (command,) = [c for c in COMMANDS if c.startswith('mim train')]
    words = shlex.split(command)
    assert words[:3] == ['mim', 'train', 'mmdet']
    cfg = Config.fromfile(CONFIGS.parent / words[3])
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    options = parser.parse_args(words[4:]).cfg_options
    cfg.merge_from_dict(options)
    monkeypatch.chdir(tmp_path)
    atto = dict(type='mmpretrain.ConvNeXtV2', arch='atto')
    source = randomize(MODELS.build(atto)).float()
    weights = read(source.state_dict())
    state, _ = write(weights, 'timm', backbone_only=True)
    (file,) = options.values()
    write_file(Path(file), state, {})
    with DefaultScope.overwrite_default_scope('mmdet'):
        backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    name = 'stages.2.5.pointwise_conv2.weight'
    assert torch.equal(backbone.state_dict()[name], source.state_dict()[name])


DOCS = sorted(PAGE.parent.glob('*.md'))
TRAININGS = [
    line
    for page in DOCS
    for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith('mim train')
]


@pytest.mark.parametrize('command', TRAININGS)
def test_trainings_of_the_pages_name_what_exists(command):
    """Their configs, options of mim, and keys of the config."""
    words = shlex.split(command)
    known = {o for p in mim_train.params for o in p.opts}
    cfg = Config.fromfile(CONFIGS.parent / words[3])
    at = words.index('--cfg-options') if '--cfg-options' in words else None
    options = [w for w in words[:at] if w.startswith('--')]
    assert set(options) <= known
    for option in words[at + 1 :] if at else []:
        *place, key = option.split('=')[0].split('.')
        if place == ['strategy']:
            assert STRATEGIES.get(option.split('=')[1])
            continue
        node = cfg
        for part in place:
            node = node[int(part) if part.isdigit() else part]
        assert key in node or key == 'accumulative_counts', option


# One leaf of each host, loading as its users do.
HOSTS = {
    'mmpretrain': 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py',
    'mmdet': 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_8xb4-lsj-3x_coco.py',
    'mmseg': 'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_'
    'ade20k-512x512.py',
}


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('host', HOSTS)
def test_every_host_takes_every_layout(tmp_path, host, layout):
    """With the leaf's init_cfg, of which the file alone is another."""
    weights = make_weights()
    state, _ = write(weights, layout)
    path = tmp_path / 'weights.safetensors'
    write_file(path, state, {})
    cfg = Config.fromfile(CONFIGS / HOSTS[host])
    cfg.model.backbone.init_cfg.checkpoint = str(path)
    cfg.model.backbone.arch = dict(
        depths=weights.depths, channels=weights.channels
    )
    with DefaultScope.overwrite_default_scope(host):
        backbone = MODELS.build(cfg.model.backbone)
        backbone.init_weights()
    loaded = backbone.state_dict()
    body = [k for k in weights.state if re.match(r'backbone\.(st|do)', k)]
    assert len(body) > 100
    for key in body:
        name = key.removeprefix('backbone.')
        assert torch.equal(loaded[name], weights.state[key]), key
