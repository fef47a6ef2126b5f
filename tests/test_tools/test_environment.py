"""The set-up sees what is wrong, and the aliases are what mim looks for."""

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tools import environment

ROOT = Path(__file__).resolve().parents[2]


def fake_host(folder, name, version):
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(
        f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
    )


def test_this_environment_is_whole():
    """CI runs in what `make` set up; doctor must agree that it is ready."""
    result = subprocess.run(
        [sys.executable, 'tools/environment.py', 'doctor'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert 'nothing is missing' in result.stdout


def test_a_ready_environment_is_left_alone():
    if not environment.READY.exists():
        pytest.fail('run the tests with `make test`')
    before = environment.READY.stat().st_mtime
    result = subprocess.run(
        [sys.executable, 'tools/environment.py', 'setup'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    assert result.stdout == ''
    assert environment.READY.stat().st_mtime == before


def test_problems_name_what_is_missing_or_wrong(tmp_path, monkeypatch):
    venv = tmp_path / '.venv'
    monkeypatch.setattr(environment, 'VENV', venv)
    monkeypatch.setattr(environment, 'PYTHON', venv / 'bin/python')
    assert environment.problems() == ['.venv has no Python']
    (venv / 'bin').mkdir(parents=True)
    (venv / 'bin/python').touch()
    fake_host(environment.site_packages(), 'torch', '1.0')
    wrong = environment.problems()
    assert 'torch 2.11.0 (have 1.0)' in wrong
    assert 'compiled operators of mmcv' in wrong
    assert 'alias of mmdet for mim' in wrong


def test_every_host_is_pinned():
    versions = environment.locked_versions()
    assert versions['torch'] == '2.11.0'
    assert versions['onedl-mmcv'] == '2.3.6'
    assert {'onedl-mmdetection', 'onedl-mmsegmentation'} <= set(versions)


def test_aliases_are_written_and_replaced(tmp_path):
    fake_host(tmp_path, 'onedl-mmdetection', '3.5.1')
    with pytest.raises(environment.SetupError, match='onedl-mmsegmentation'):
        environment.write_aliases(tmp_path)
    fake_host(tmp_path, 'onedl-mmsegmentation', '1.4.2')
    (tmp_path / 'mmdet-0.1.dist-info').mkdir()
    environment.write_aliases(tmp_path)
    found = sorted(p.name for p in tmp_path.glob('mm*.dist-info'))
    assert found == ['mmdet-3.5.1.dist-info', 'mmsegmentation-1.4.2.dist-info']
    top = (tmp_path / found[1] / 'top_level.txt').read_text()
    assert top == 'mmseg\n'


def test_upstream_hosts_keep_their_own_names(tmp_path):
    fake_host(tmp_path, 'mmdet', '3.3.0')
    fake_host(tmp_path, 'mmsegmentation', '1.2.2')
    environment.write_aliases(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'mmdet-3.3.0.dist-info',
        'mmsegmentation-1.2.2.dist-info',
    ]


@pytest.mark.parametrize('name', ['mmdet', 'mmseg', 'mmpretrain'])
def test_mim_finds_the_hosts_under_the_names_people_type(name):
    from mim.utils import get_installed_path, module_full_name

    full = module_full_name(name)
    assert full
    assert Path(get_installed_path(full), '.mim/tools/train.py').exists()


def test_opencv_needs_no_screen():
    """The headless files are the ones on disk."""
    import cv2

    assert distribution('opencv-python').version
    assert 'NONE' in cv2.getBuildInformation().split('GUI:')[1][:40]


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    with pytest.raises(environment.SetupError, match='apt-get install g'):
        environment.check_machine()


def test_another_python_is_named(monkeypatch):
    monkeypatch.setattr(environment, 'PYTHON_VERSION', (3, 9))
    with pytest.raises(environment.SetupError, match='PYTHON='):
        environment.check_machine()


def test_doctor_says_what_to_install_first(tmp_path, monkeypatch, capsys):
    """Where `make setup` could not work, it is not what doctor proposes."""
    monkeypatch.setattr(environment, 'VENV', tmp_path / '.venv')
    monkeypatch.setattr(environment, 'PYTHON', tmp_path / '.venv/bin/python')
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    assert environment.doctor() == 1
    output = capsys.readouterr().out
    assert 'what to do first: No C++ compiler' in output
    assert 'apt-get install g++' in output
