"""A wheel, installed without a checkout, has every config."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import sysconfig
import threading

import pytest
import yaml

from tests.test_configs import CONFIGS, PATHS, load

pytestmark = pytest.mark.slow

ROOT = CONFIGS.parent
PACKAGES = ('mmpretrain_plugin', 'mmdet_plugin', 'mmseg_plugin')
NAME = 'convnextv2-atto-fcmae_32xb32-600e_in1k'


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Build and install a wheel; return its folder and its Python."""
    folder = tmp_path_factory.mktemp('wheel')
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / 'source' / name, symlinks=True)
    shutil.copytree(CONFIGS, folder / 'source/configs')
    for name in (
        'setup.py', 'setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE',
        'model-index.yml',
    ):  # fmt: skip
        shutil.copy(ROOT / name, folder / 'source')
    pip = [sys.executable, '-m', 'pip', '-q']
    options = ['--no-deps', '--no-build-isolation']
    subprocess.run(
        [*pip, 'wheel', *options, '-w', folder, folder / 'source'], check=True
    )
    (wheel,) = folder.glob('*.whl')
    subprocess.run(
        [sys.executable, '-m', 'venv', '--without-pip', folder / 'venv'],
        check=True,
    )
    python = folder / 'venv/bin/python'
    subprocess.run(
        [*pip, '--python', python, 'install', '--no-deps', wheel], check=True
    )
    (packages,) = (folder / 'venv').glob('lib/python*/site-packages')
    # Other packages come from this environment; links to the checkout, which
    # are in its .pth files, do not.
    (packages / 'others.pth').write_text(sysconfig.get_path('purelib'))
    shutil.rmtree(folder / 'source')
    return packages, python


def run(python, *arguments, cwd, **variables):
    result = subprocess.run(
        [python, *arguments], cwd=cwd, env={**os.environ, **variables},
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_has_all_packages_and_nothing_else(installed):
    packages, _ = installed
    for package in PACKAGES:
        code = {p.relative_to(ROOT) for p in (ROOT / package).rglob('*.py')}
        assert code == {
            path.relative_to(packages)
            for path in (packages / package).rglob('*.py')
            if '.mim' not in path.parts
        }
        assert (packages / package / 'py.typed').exists()
    folders = {path.name for path in packages.iterdir() if path.is_dir()}
    assert {name for name in folders if '.' not in name} == {
        *PACKAGES, 'convnextv2-openmmlab',
    }  # fmt: skip


def test_it_has_all_configs(installed):
    packages, _ = installed
    for folder in ('mmpretrain_plugin/.mim', 'convnextv2-openmmlab'):
        files = {
            path.relative_to(packages / folder)
            for path in (packages / folder).rglob('*')
            if path.is_file() and '__pycache__' not in path.parts
        }
        wanted = {
            path.relative_to(ROOT)
            for path in CONFIGS.rglob('*')
            if path.is_file() and '__pycache__' not in path.parts
        }
        assert files == {*wanted, (ROOT / 'model-index.yml').relative_to(ROOT)}


def test_configs_load_with_their_bases(installed, tmp_path):
    """One per library: bases of the other libraries are found, too."""
    packages, python = installed
    paths = [
        next(path for path in PATHS if path.parent.name == folder)
        for folder in ('imagenet', 'coco', 'ade20k')
    ]
    code = (
        'import sys\nfrom pathlib import Path\n'
        'from mmengine.config import Config\n'
        'for path in map(Path, sys.argv[1:]):\n'
        '    Config.fromfile(path).dump(path.name)\n'
        'import mmpretrain_plugin\nprint(mmpretrain_plugin.__file__)'
    )
    mim = packages / 'mmpretrain_plugin/.mim'
    places = [mim / path.relative_to(ROOT) for path in paths]
    assert str(packages) in run(python, '-c', code, *places, cwd=tmp_path)
    for path in paths:
        assert load(tmp_path / path.name).to_dict() == load(path).to_dict()


def test_mim_search(installed, tmp_path):
    _, python = installed
    out = run(
        python, '-m', 'mim', 'search', 'convnextv2-openmmlab', '--config',
        'mask-rcnn_convnextv2-base-fcmae_fpn_8xb4-lsj-3x_coco', cwd=tmp_path,
    )  # fmt: skip
    assert '52.9 box ap' in out


@pytest.fixture
def server(tmp_path):
    """Serve tmp_path/served; yield its address."""
    (tmp_path / 'served').mkdir()
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=tmp_path / 'served'
    )
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{httpd.server_port}'
        httpd.shutdown()


def test_mim_download(installed, server, tmp_path):
    """Config and weights, from a server in place of OpenMMLab's."""
    packages, python = installed
    metafile = packages / 'convnextv2-openmmlab/configs/imagenet/metafile.yml'
    text = metafile.read_text()
    (address,) = (
        model['Weights']
        for model in yaml.safe_load(text)['Models']
        if model['Name'] == NAME
    )
    folder, name = address.rsplit('/', 1)
    (tmp_path / 'served' / name).write_bytes(b'weights')
    metafile.write_text(text.replace(folder, server))
    run(
        python, '-m', 'mim', 'download', 'convnextv2-openmmlab',
        '--config', NAME, '--dest', str(tmp_path / 'got'), cwd=tmp_path,
    )  # fmt: skip
    assert (tmp_path / 'got' / name).read_bytes() == b'weights'
    wanted = load(CONFIGS / f'imagenet/{NAME}.py').to_dict()
    assert load(tmp_path / f'got/{NAME}.py').to_dict() == wanted
