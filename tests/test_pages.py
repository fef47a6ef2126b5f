"""Commands, code and links of README and documentation are right."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope

from tests.helpers.shell_commands import (
    ROOT,
    check_command,
    code_blocks,
    commands_of,
)

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md']
PAGES += sorted((ROOT / 'docs').glob('*.md'))
COMMANDS = sorted({c for page in PAGES for c in commands_of(page.read_text())})
SNIPPETS = [
    pytest.param(block, id=f'{page.stem}-{i}')
    for page in PAGES
    for i, block in enumerate(code_blocks(page.read_text(), 'python'))
    if 'LoRAModel' not in block  # trained in test_configs/test_training.py
]


def test_pages_and_commands_are_found():
    assert {'README', 'get_started', 'pretrain', 'detection'} <= {
        page.stem for page in PAGES
    }
    assert len(COMMANDS) > 40
    assert len(SNIPPETS) >= 3


@pytest.mark.parametrize('command', COMMANDS)
def test_the_command_exists(command):
    check_command(command)


@pytest.mark.parametrize(
    'command',
    [
        'make nothing',
        'python tools/nothing.py',
        'python tools/sweep.py --nothing',
        'mim train mmpretrain configs/nothing.py',
        'mim train mmdet configs/demo/mask-rcnn_convnextv2-atto_digits.py '
        '--nothing',
        'mim train mmdet configs/demo/mask-rcnn_convnextv2-atto_digits.py '
        '--cfg-options model.backbone.nothing=1',
        'mim test mmdet configs/demo/mask-rcnn_convnextv2-atto_digits.py '
        '--checkpoint epoch_2.pth',
        'mim download convnextv2-openmmlab --config nothing',
    ],
)
def test_a_wrong_command_is_noticed(command):
    with pytest.raises(Exception):  # noqa: B017  each command fails elsewhere
        check_command(command)


@pytest.mark.parametrize('source', SNIPPETS)
def test_the_code_works(source, tmp_path, monkeypatch):
    """Scripts run; configs build a model and its optimizer."""
    if 'work_dirs/fcmae' in source:  # of a training that ended
        monkeypatch.chdir(tmp_path)
        Path('work_dirs/fcmae').mkdir(parents=True)
        state = dict(state_dict=dict(weight=torch.ones(1)))
        torch.save(state, 'work_dirs/fcmae/epoch_800.pth')
    if '_base_' not in source:
        exec(compile(source, 'page', 'exec'), {})
        return
    path = tmp_path / 'mine.py'
    path.write_text(source.replace("'configs/", f"'{ROOT}/configs/"))
    config = Config.fromfile(path)
    scope = DefaultScope.overwrite_default_scope(config.default_scope)
    with scope, torch.device('meta'):
        model = MODELS.build(config.model)
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    learning_rates = {group['lr'] for group in wrapper.optimizer.param_groups}
    assert max(learning_rates) == config.optim_wrapper.optimizer.lr
    # One for each block, and one for everything after the backbone.
    blocks = sum(len(stage) for stage in model.backbone.stages)
    decay = config.optim_wrapper.paramwise_cfg.layer_decay_rate
    assert len(learning_rates) == (1 if decay == 1 else blocks + 1)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    text = re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)
    for target in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)', text):
        if not target.startswith('http'):
            assert (page.parent / target).exists(), target


def test_every_named_place_exists():
    text = (ROOT / 'docs/how_it_works.md').read_text()
    rows = re.findall(r'^\| `([^|]+)` \|', text, re.MULTILINE)
    assert len(rows) > 8
    for name in (n for row in rows for n in row.replace('`', '').split(', ')):
        assert (ROOT / name).is_dir(), name


def test_the_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 150
    figure = ROOT / 'docs/_static/reconstruction.png'
    assert figure.stat().st_size < 400_000


def test_release_and_citation_have_one_version():
    version = (ROOT / 'mmpretrain_plugin/version.py').read_text()
    (number,) = re.findall(r"'(\d+\.\d+\.\d+)'", version)
    citation = Path(ROOT / 'CITATION.cff').read_text()
    assert f'version: {number}\n' in citation
    (date,) = re.findall(r'^date-released: (\S+)', citation, re.MULTILINE)
    assert f'## {number} ({date})' in (ROOT / 'CHANGELOG.md').read_text()
