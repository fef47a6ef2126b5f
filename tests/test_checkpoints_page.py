"""The commands of the page on checkpoints run."""

import re
import shlex
import sys
from argparse import ArgumentParser
from pathlib import Path
from unittest import mock

import convert_checkpoint
import pytest
import torch
from mmengine.config import DictAction
from mmengine.registry import MODELS, DefaultScope

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    read_file,
    to_state_dict,
    to_weights,
    write_file,
)
from tests.helpers.small_models import randomize
from tests.helpers.small_weights import make_weights, weights_for
from tests.test_configs import CONFIGS, load

PAGE = Path(__file__).resolve().parents[1] / 'docs/checkpoints.md'
TEXT = PAGE.read_text()
COMMANDS = [
    line
    for block in re.findall(r'```bash\n(.*?)```', TEXT, re.DOTALL)
    for line in block.splitlines()
]


def test_the_conversions_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    weights = make_weights()
    source, _ = to_state_dict(weights, 'mmpretrain')
    torch.save(dict(state_dict=source), 'mmpretrain.pth')
    v1, _ = to_state_dict(weights_for('dinov3'), 'dinov3')
    torch.save(v1, 'dinov3.pth')
    conversions = [c for c in COMMANDS if 'convert_checkpoint' in c]
    assert len(conversions) == 9
    directions = set()
    for command in conversions:
        words = shlex.split(command)[1:]
        with mock.patch.object(sys, 'argv', words):
            convert_checkpoint.main()
        directions.add(words[words.index('--to') + 1])
        assert (tmp_path / words[2]).stat().st_size > 1000
    assert directions == set(FORMATS)
    output = capsys.readouterr().out
    assert '(models of this project and timm)' in output
    assert '(models of this project and transformers)' in output
    for file in ('dinov3.safetensors', 'torchvision.pth', 'dinov3-again.pth'):
        _, metadata = read_file(tmp_path / file)
        assert metadata['license'].startswith('DINOv3 License')
    state, metadata = read_file(tmp_path / 'back.pth')
    assert metadata['license'] == 'CC-BY-NC 4.0'
    wanted = weights.by_name()
    result = to_weights(state).by_name()
    # The formats on the way hold neither a decoder nor a classifier.
    assert set(result) == {k for k in wanted if 'backbone.' in k and
                           'norm3' not in k}  # fmt: skip
    for name, value in result.items():
        assert torch.equal(value, wanted[name]), name


def test_the_page_names_every_format_and_option():
    table = re.findall(r'^\| `([\w-]+)` \|', TEXT, re.MULTILINE)
    assert set(table) == set(FORMATS)
    actions = convert_checkpoint.build_parser()._actions
    options = {a.option_strings[0] for a in actions if a.option_strings}
    named = set(re.findall(r'(?<![\w-])--\w[\w-]*', TEXT))
    assert named - {'--cfg-options'} == options - {'-h'}


def test_the_training_of_the_page_loads_what_it_names(tmp_path, monkeypatch):
    """The backbone of its config, with its options, loads the weights."""
    (command,) = [c for c in COMMANDS if c.startswith('mim train')]
    words = shlex.split(command)
    assert words[:3] == ['mim', 'train', 'mmdet']
    cfg = load(CONFIGS.parent / words[3])
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    options = parser.parse_args(words[4:]).cfg_options
    cfg.merge_from_dict(options)
    monkeypatch.chdir(tmp_path)
    atto = dict(type='mmpretrain.ConvNeXtV2', arch='atto')
    source = randomize(MODELS.build(atto)).float()
    weights = to_weights(source.state_dict())
    state, _ = to_state_dict(weights, 'timm', backbone_only=True)
    (file,) = options.values()
    write_file(Path(file), state, {})
    with DefaultScope.overwrite_default_scope('mmdet'):
        backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    name = 'stages.2.5.pointwise_conv2.weight'
    assert torch.equal(backbone.state_dict()[name], source.state_dict()[name])


# One config of each library, by its default scope.
LIBRARIES = {
    'mmpretrain': 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py',
    'mmdet': 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_8xb4-lsj-3x_coco.py',
    'mmseg': 'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_'
    'ade20k-512x512.py',
}


@pytest.mark.parametrize('name', FORMATS)
@pytest.mark.parametrize('library', LIBRARIES)
def test_every_library_loads_every_format(tmp_path, library, name):
    weights = weights_for(name, depths=(1, 1, 1, 1))
    state, _ = to_state_dict(weights, name)
    path = tmp_path / 'weights.safetensors'
    write_file(path, state, {})
    cfg = load(CONFIGS / LIBRARIES[library])
    cfg.model.backbone.init_cfg.checkpoint = str(path)
    architecture = weights.architecture
    cfg.model.backbone.update(
        arch=dict(depths=architecture.depths, channels=architecture.channels),
        use_grn=architecture.use_grn,
        layer_scale_init_value=float(architecture.layer_scale),
    )
    with DefaultScope.overwrite_default_scope(library):
        backbone = MODELS.build(cfg.model.backbone)
        backbone.init_weights()
    loaded = backbone.state_dict()
    body = [k for k in weights.backbone if not k.startswith('norm')]
    assert len(body) > 50
    for key in body:
        assert torch.equal(loaded[key], weights.backbone[key]), key
