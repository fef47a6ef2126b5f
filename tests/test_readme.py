"""What pip installs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ('mmpretrain_plugin', 'mmdet_plugin', 'mmseg_plugin')


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
