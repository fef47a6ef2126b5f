"""The README's commands are real."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ('mmpretrain_plugin', 'mmdet_plugin', 'mmseg_plugin')
OF_MIM = ('--launcher', '--gpus')
README = (ROOT / 'README.md').read_text()
COMMANDS = [
    line.split('  #')[0].strip()
    for block in re.findall(r'```bash\n(.*?)```', README, re.DOTALL)
    for line in block.splitlines()
]


def test_nothing_was_missed():
    assert len(COMMANDS) >= 11
    assert {c.split()[0] for c in COMMANDS} == {
        'grep', 'make', 'mim', 'pip', 'python',
    }  # fmt: skip


@pytest.mark.parametrize('command', COMMANDS)
def test_the_command_exists(command):
    """Targets exist; tools take these arguments; configs and epochs fit.

    The commands of the demo run in ``test_tools/test_demo.py``.
    """
    words = shlex.split(command)
    if words[0] == 'make':
        subprocess.run(
            ['make', '-n', *words[1:]], cwd=ROOT, check=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        return
    if words[0] in ('grep', 'pip'):
        named = [w for w in words if w.endswith('requirements.txt')]
        assert all((ROOT / name).exists() for name in named)
        return
    if words[0] == 'python':
        text = subprocess.run(
            [sys.executable, words[1], '--help'],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        options = {w for w in words[2:] if w.startswith('--')}
        assert all(option in text for option in options - set(OF_MIM))
        if 'sweep' in words[1]:
            text = subprocess.run(
                [sys.executable, *words[1:], '--table'],
                cwd=ROOT, check=True, capture_output=True, text=True,
            ).stdout  # fmt: skip
            assert text.count('not run') == 2 * 4
        return
    config = Config.fromfile(ROOT / words[3])
    if '--checkpoint' in words:
        checkpoint = Path(words[words.index('--checkpoint') + 1])
        loop = config.train_cfg
        end = loop.get('max_epochs') or loop.get('max_iters')
        assert checkpoint.stem.split('_')[1] == str(end)
    if '--tta' in words:
        assert config.tta_pipeline and config.tta_model
    if '--cfg-options' in words:
        key = words[words.index('--cfg-options') + 1].split('=')[0]
        for part in key.split('.'):
            config = config[part]


def test_the_config_of_the_readme_builds(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(re.search(r'```python\n(.*?)```', README, re.DOTALL)[1])
    config = Config.fromfile(path)
    with (
        DefaultScope.overwrite_default_scope('mmdet'),
        torch.device('meta'),
    ):
        model = MODELS.build(config.model)
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    rates = {group['lr'] for group in wrapper.optimizer.param_groups}
    assert max(rates) == 1e-4
    # 36 blocks have a rate each, and all that is not a block has its own
    assert len(rates) == 37


def test_every_place_it_names_exists():
    for name in re.findall(r'^\| `([^|]+)` \|', README, re.MULTILINE):
        for part in name.replace('`', '').split(', '):
            assert (ROOT / part).is_dir(), part


@pytest.mark.slow
def test_pip_install_gives_the_three_packages(tmp_path):
    """Built from a copy: setuptools leaves a build folder behind."""
    source, packages = tmp_path / 'source', PACKAGES
    for name in packages:
        shutil.copytree(ROOT / name, source / name)
    for name in ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps',
         '--no-build-isolation', '-w', tmp_path, str(source)],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob('*.whl')
    subprocess.run(
        [sys.executable, '-m', 'zipfile', '-e', wheel, tmp_path / 'out'],
        check=True,
    )
    found = {p.name for p in (tmp_path / 'out').iterdir()}
    assert {name for name in found if '.' not in name} == {*packages}
    for package in packages:
        files = {p.relative_to(ROOT) for p in (ROOT / package).rglob('*.py')}
        packed = {
            p.relative_to(tmp_path / 'out')
            for p in (tmp_path / 'out' / package).rglob('*.py')
        }
        assert files == packed
