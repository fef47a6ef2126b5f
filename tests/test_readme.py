"""The demo runs as documented, and pip installs the three packages."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ('mmpretrain_plugin', 'mmdet_plugin', 'mmseg_plugin')
PAGE = (ROOT / 'docs/get_started.md').read_text()


@pytest.mark.slow
def test_the_block_of_the_demo_runs(tmp_path):
    """With budgets of a step or two."""
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    (tmp_path / 'tools').symlink_to(ROOT / 'tools')
    (block,) = (
        b for b in re.findall(r'```bash\n(.*?)```', PAGE, re.DOTALL)
        if 'make_digit_scenes' in b
    )  # fmt: skip
    few = {
        'make_digit_scenes': '--unlabelled 8 --train 8 --val 4',
        'train mmpretrain': 'train_cfg.max_epochs=1 '
        'default_hooks.checkpoint.interval=1 train_dataloader.batch_size=4',
        'train mmdet': 'train_cfg.max_epochs=1 '
        'default_hooks.checkpoint.interval=1',
        'train mmseg': 'train_cfg.max_iters=2 '
        'default_hooks.checkpoint.interval=2',
    }
    block = re.sub(r'epoch_\d+', 'epoch_1', block)
    block = re.sub(r'iter_\d+', 'iter_2', block)
    bin_folder = Path(sys.executable).parent
    for line in block.strip().splitlines():
        for part, options in few.items():
            if part in line and '--cfg-options' in line:
                line += f' {options}'
            elif part in line:
                is_mim = part.startswith('train')
                line += f' --cfg-options {options}' * is_mim
                line += f' {options}' * (not is_mim)
        result = subprocess.run(
            line, shell=True, cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, 'PATH': f'{bin_folder}:{os.environ["PATH"]}'},
        )  # fmt: skip
        assert result.returncode == 0, f'{line}\n{result.stdout[-3000:]}'
    for name in ('reconstructions.png', 'packing.png'):
        assert (tmp_path / 'work_dirs' / name).stat().st_size > 1000


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
    for package in packages:
        assert (tmp_path / 'out' / package / 'py.typed').exists()
    assert {name for name in found if '.' not in name} == {*packages}
    for package in packages:
        files = {p.relative_to(ROOT) for p in (ROOT / package).rglob('*.py')}
        packed = {
            p.relative_to(tmp_path / 'out')
            for p in (tmp_path / 'out' / package).rglob('*.py')
        }
        assert files == packed
