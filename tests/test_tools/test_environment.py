"""The set-up finds what is missing, and mim finds the libraries."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import build_mmcv
import environment
import pytest


def fake_distribution(folder, name, version):
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(
        f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
    )


def test_nothing_is_missing_in_this_environment():
    assert environment.problems() == []


@pytest.mark.slow
def test_doctor_finds_this_environment_complete(capsys):
    """It imports everything in a new process."""
    assert environment.doctor() == 0
    output = capsys.readouterr().out
    assert 'nothing is missing' in output
    assert re.search(r'^kernels +(no NVIDIA GPU|cuda:0)', output, re.MULTILINE)
    assert re.search(r'^torch +2\.', output, re.MULTILINE)


def test_a_ready_environment_is_not_changed(capsys):
    ready = environment.READY
    if not ready.exists() or ready.read_text() != environment.fingerprint():
        pytest.fail('run `make setup` first')
    before = ready.stat().st_mtime
    environment.setup()
    assert capsys.readouterr().out == ''
    assert ready.stat().st_mtime == before


def test_missing_and_wrong_packages_are_named(tmp_path, monkeypatch):
    venv = tmp_path / '.venv'
    monkeypatch.setattr(environment, 'VENV', venv)
    monkeypatch.setattr(environment, 'PYTHON', venv / 'bin/python')
    assert environment.problems() == ['.venv has no Python']
    (venv / 'bin').mkdir(parents=True)
    (venv / 'bin/python').touch()
    fake_distribution(environment.site_packages(), 'torch', '1.0')
    wrong = environment.problems()
    assert 'torch 2.11.0 (have 1.0)' in wrong
    assert 'compiled operators of mmcv' in wrong
    assert 'alias of mmdet for mim' in wrong


def test_every_library_is_pinned():
    versions = environment.locked_versions()
    assert versions['torch'] == '2.11.0'
    assert versions['onedl-mmcv'] == '2.3.6'
    assert {'onedl-mmdetection', 'onedl-mmsegmentation'} <= set(versions)


def test_aliases_are_written_and_replaced(tmp_path):
    fake_distribution(tmp_path, 'onedl-mmdetection', '3.5.1')
    with pytest.raises(environment.SetupError, match='onedl-mmsegmentation'):
        environment.write_aliases(tmp_path)
    fake_distribution(tmp_path, 'onedl-mmsegmentation', '1.4.2')
    (tmp_path / 'mmdet-0.1.dist-info').mkdir()
    environment.write_aliases(tmp_path)
    found = sorted(p.name for p in tmp_path.glob('mm*.dist-info'))
    assert found == ['mmdet-3.5.1.dist-info', 'mmsegmentation-1.4.2.dist-info']
    top = (tmp_path / found[1] / 'top_level.txt').read_text()
    assert top == 'mmseg\n'


def test_upstream_packages_keep_their_names(tmp_path):
    fake_distribution(tmp_path, 'mmdet', '3.3.0')
    fake_distribution(tmp_path, 'mmsegmentation', '1.2.2')
    environment.write_aliases(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'mmdet-3.3.0.dist-info',
        'mmsegmentation-1.2.2.dist-info',
    ]


@pytest.mark.parametrize('name', ['mmdet', 'mmseg', 'mmpretrain'])
def test_mim_finds_the_libraries_by_their_usual_names(name):
    from mim.utils import get_installed_path, module_full_name

    full = module_full_name(name)
    assert full
    assert Path(get_installed_path(full), '.mim/tools/train.py').exists()


def test_opencv_is_headless():
    """The files on disk are those of the headless package."""
    import cv2

    assert distribution('opencv-python').version
    assert 'NONE' in cv2.getBuildInformation().split('GUI:')[1][:40]


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    with pytest.raises(environment.SetupError, match='apt-get install g'):
        environment.check_machine()


def test_another_python_is_named(monkeypatch):
    monkeypatch.setattr(environment, 'PYTHON_VERSIONS', ((3, 9),))
    with pytest.raises(environment.SetupError, match='PYTHON='):
        environment.check_machine()


def test_doctor_names_what_to_install_first(tmp_path, monkeypatch, capsys):
    """Without a compiler `make setup` is not the remedy."""
    monkeypatch.setattr(environment, 'VENV', tmp_path / '.venv')
    monkeypatch.setattr(environment, 'PYTHON', tmp_path / '.venv/bin/python')
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    assert environment.doctor() == 1
    output = capsys.readouterr().out
    assert 'remedy: No C++ compiler' in output
    assert 'apt-get install g++' in output


class FakeMachine:
    """Records the commands of the set-up in place of running them."""

    def __init__(self, root, monkeypatch):
        self.calls, self.import_errors = [], []
        venv = root / '.venv'
        for name, value in {
            'VENV': venv,
            'PYTHON': venv / 'bin/python',
            'READY': venv / '.ready',
        }.items():
            monkeypatch.setattr(environment, name, value)
        (venv / 'bin').mkdir(parents=True)
        monkeypatch.setenv('XDG_CACHE_HOME', str(root / 'cache'))
        monkeypatch.setattr(environment, 'make_venv', lambda: None)
        monkeypatch.setattr(environment, 'write_aliases', lambda folder: None)
        monkeypatch.setattr(environment, 'output_of', lambda *c: 'cpu')
        monkeypatch.setattr(environment, 'run', self.record)
        monkeypatch.setattr(
            environment,
            'compile_bytecode',
            lambda: self.calls.append('bytecode'),
        )
        monkeypatch.setattr(environment.subprocess, 'run', self.compile)
        monkeypatch.setattr(
            environment, 'imports_work', lambda: self.import_errors.pop(0)
        )

    def record(self, *command, **options):
        self.calls.append(' '.join(str(part) for part in command))

    def compile(self, command, **options):
        self.calls.append('compile')
        folder = Path(command[-1])
        folder.mkdir(parents=True)
        (folder / 'onedl_mmcv.whl').touch()
        return subprocess.CompletedProcess(command, 0)


def test_operators_are_compiled_once_per_machine(tmp_path, monkeypatch):
    machine = FakeMachine(tmp_path, monkeypatch)
    for expected in (1, 1):
        machine.import_errors = ['']
        environment.READY.unlink(missing_ok=True)
        environment.setup()
        assert machine.calls.count('compile') == expected
        assert machine.calls[-1] == 'bytecode'  # after all installations
        assert environment.READY.read_text() == environment.fingerprint()


def test_every_file_is_installed_again_after_a_failing_import(
    tmp_path, monkeypatch
):
    machine = FakeMachine(tmp_path, monkeypatch)
    machine.import_errors = ['ImportError: half a file', '']
    environment.setup()
    again = [c for c in machine.calls if '--reinstall -r' in c]
    assert len(again) == 1
    assert environment.READY.exists()


def test_an_environment_that_does_not_import_is_not_ready(
    tmp_path, monkeypatch
):
    machine = FakeMachine(tmp_path, monkeypatch)
    machine.import_errors = ['first error', 'second error']
    with pytest.raises(environment.SetupError, match='second error'):
        environment.setup()
    assert not environment.READY.exists()


def test_a_moved_environment_is_created_again(tmp_path, monkeypatch):
    """Its scripts contain the path of the folder where it was created."""
    venv, calls = tmp_path / '.venv', []
    version = [str(sys.version_info[:2])]
    monkeypatch.setattr(environment, 'VENV', venv)
    monkeypatch.setattr(environment, 'PYTHON', venv / 'bin/python')
    monkeypatch.setattr(environment, 'output_of', lambda *c: version[0])
    monkeypatch.setattr(environment, 'run', lambda *c: calls.append(c))
    venv.mkdir()
    (venv / 'pyvenv.cfg').write_text(f'command = python -m venv {venv}')
    environment.make_venv()
    assert not calls
    version[0] = '(3, 9)'
    environment.make_venv()
    assert len(calls) == 1
    version[0] = str(sys.version_info[:2])
    (venv / 'pyvenv.cfg').write_text('command = python -m venv /old/.venv')
    environment.make_venv()
    assert len(calls) == 2


def test_make_keeps_the_python_of_the_environment(tmp_path):
    """And passes over commands that do not run, such as those of pyenv."""
    folder = tmp_path / 'bin with spaces'
    folder.mkdir()
    for name in ('python3.11', 'python3.12'):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexit {int(name == "python3.11")}\n')
        script.chmod(0o755)
    shutil.copy(environment.ROOT / 'Makefile', tmp_path)

    def chosen():
        found = subprocess.run(
            ['make', '-n', 'doctor'], cwd=tmp_path, text=True,
            capture_output=True, check=True,
            env={'PATH': f'{folder}:{os.environ["PATH"]}'},
        )  # fmt: skip
        return found.stdout.split('"')[1]

    assert chosen() == str(folder / 'python3.12')
    (tmp_path / '.venv').mkdir()
    config = tmp_path / '.venv/pyvenv.cfg'
    config.write_text(f'version = 3.13.0\nexecutable = {sys.executable}\n')
    assert chosen() == sys.executable


@pytest.mark.parametrize(
    ('release', 'kind'), [('13.1', 'cuda'), ('12.4', 'cpu'), (None, 'cpu')]
)
def test_operators_for_cuda_need_the_nvcc_of_pytorch(
    release, kind, tmp_path, monkeypatch
):
    """MMCV does not compile with another one."""
    if release:
        nvcc = tmp_path / 'bin/nvcc'
        nvcc.parent.mkdir()
        nvcc.write_text(
            f'#!/bin/sh\necho "Cuda tools, release {release}, V1"\n'
        )
        nvcc.chmod(0o755)
    home = str(tmp_path) if release else None
    monkeypatch.setattr(build_mmcv.cpp_extension, 'CUDA_HOME', home)
    monkeypatch.setattr(build_mmcv.torch.version, 'cuda', '13.0')
    monkeypatch.setattr(build_mmcv.torch.cuda, 'is_available', lambda: False)
    monkeypatch.delenv('FORCE_CUDA', raising=False)
    assert build_mmcv.operator_kind() == 'cpu'
    monkeypatch.setenv('FORCE_CUDA', '1')
    assert build_mmcv.operator_kind() == kind
