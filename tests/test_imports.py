"""Imports run one way, and pre-training needs nothing compiled."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ('mmpretrain_plugin', 'mmdet_plugin', 'mmseg_plugin')
FILES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob('*.py')
)
# What each room of the model may import from the others, besides itself.
ROOMS = {
    'masking': set(),
    'layouts': {'masking'},
    'loading': set(),
    'layers': {'layouts', 'masking'},
    'backbones': {'layers', 'loading', 'layouts', 'masking'},
    'necks': {'layers', 'layouts', 'masking'},
    'heads': {'masking'},
    'selfsup': {'masking'},
}


def imported(path):
    """Return the absolute names of all modules that a file imports."""
    package = path.relative_to(ROOT).with_suffix('').parts[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            start = '.'.join(base) + '.' if node.level else ''
            module = start + (node.module or '')
            names |= {f'{module}.{a.name}'.strip('.') for a in node.names}
    return names


@pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_packages_import_one_way(path):
    forbidden = {'tools', 'tests', 'mmdet', 'mmseg'}
    forbidden |= {'mmdet_plugin', 'mmseg_plugin'}
    own = path.relative_to(ROOT).parts[0]
    forbidden -= {own, own.removesuffix('_plugin')}
    roots = {name.split('.')[0] for name in imported(path)}
    assert not roots & forbidden


def test_rooms_of_the_model_import_one_way():
    models = ROOT / 'mmpretrain_plugin' / 'models'
    prefix = 'mmpretrain_plugin.models.'
    for room, allowed in ROOMS.items():
        file = models / f'{room}.py'
        files = [file] if file.exists() else (models / room).rglob('*.py')
        for path in files:
            used = {
                name.removeprefix(prefix).split('.')[0]
                for name in imported(path)
                if name.startswith(prefix)
            }
            assert used <= allowed | {room}, path
    rooms = {p.stem for p in models.iterdir() if p.stem[0] != '_'}
    assert rooms == set(ROOMS)


def test_engine_and_data_know_no_model():
    """They meet the model through the registry or not at all."""
    for room in ('engine', 'datasets', 'ops', 'checkpoint'):
        for path in (ROOT / 'mmpretrain_plugin' / room).rglob('*.py'):
            used = imported(path)
            own = 'mmpretrain_plugin.models'
            assert not any(name.startswith(own) for name in used), path


@pytest.mark.parametrize(
    'package',
    [
        *PACKAGES,
        'mmpretrain_plugin.launch',
        'mmpretrain_plugin.visualization',
    ],
)
def test_it_imports_alone(package):
    subprocess.run(
        [sys.executable, '-c', f'import {package}'], check=True, cwd='/'
    )


def test_pretraining_works_without_compiled_operators(tmp_path):
    """One step of a real config where importing mmcv._ext is an error."""
    code = f"""
import sys
sys.modules['mmcv._ext'] = None
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
cfg = Config.fromfile(
    {str(ROOT / 'configs/fcmae/fcmae_convnextv2-atto_64xb64-800e_in1k.py')!r})
model = MODELS.build(cfg.model)
loss = model.loss(torch.randn(2, 3, 64, 64))['loss']
loss.backward()
assert torch.isfinite(loss)
assert not any(m.startswith('mmcv.ops') for m in sys.modules), 'mmcv.ops'
"""
    subprocess.run([sys.executable, '-c', code], check=True, cwd=tmp_path)
