"""Imports run one way, and each module can be imported alone."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ('mmpretrain_plugin', 'mmdet_plugin', 'mmseg_plugin')
FILES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob('*.py')
)
# Modules of ``models`` that each of them may import.
MODELS = {
    'data_preprocessors': set(),
    'masking': set(),
    'unmodified': set(),
    'layouts': {'masking', 'unmodified'},
    'layers': {'layouts', 'masking', 'unmodified'},
    'backbones': {'layers', 'layouts', 'masking'},
    'necks': {'layers', 'layouts', 'masking'},
    'heads': {'masking'},
    'selfsup': {'masking'},
}

PRETRAINING = f"""
import sys
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


def imported(path):
    """Return the absolute names of all imports of a file."""
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
    forbidden = {'tests', 'benchmarks', 'tools', 'mmdet', 'mmseg'}
    # Scripts are modules of no package: tools/dev/x.py would be `import x`.
    forbidden |= {script.stem for script in (ROOT / 'tools').rglob('*.py')}
    forbidden |= {'mmdet_plugin', 'mmseg_plugin'}
    own = path.relative_to(ROOT).parts[0]
    forbidden -= {own, own.removesuffix('_plugin')}
    roots = {name.split('.')[0] for name in imported(path)}
    assert not roots & forbidden


def assert_imports_one_way(name, allowed):
    """Check the modules of a package against a table of allowed imports."""
    package = ROOT / 'mmpretrain_plugin' / name
    prefix = f'mmpretrain_plugin.{name}.'
    for module, others in allowed.items():
        file = package / f'{module}.py'
        files = [file] if file.exists() else (package / module).rglob('*.py')
        for path in files:
            used = {
                one.removeprefix(prefix).split('.')[0]
                for one in imported(path)
                if one.startswith(prefix)
            }
            assert used <= others | {module}, path
    modules = {p.stem for p in package.iterdir() if p.stem[0] != '_'}
    assert modules == set(allowed)


def test_modules_of_the_model_import_one_way():
    assert_imports_one_way('models', MODELS)


# Operators import shared modules, and the MLP its parts; nothing else.
OPERATORS = {
    'autocast': set(),
    'triton_support': set(),
    'visible_patches': set(),
    'depthwise': {'autocast', 'triton_support', 'visible_patches'},
    'gelu_norms': {'triton_support'},
    'layer_norm': {'triton_support'},
    'mlp': {'autocast', 'gelu_norms', 'layer_norm'},
    'kernel_report': {
        'depthwise',
        'gelu_norms',
        'layer_norm',
        'triton_support',
    },
}


def test_operators_import_one_way():
    assert_imports_one_way('ops', OPERATORS)


@pytest.mark.parametrize(
    'package', ['analysis', 'checkpoint', 'models', 'ops', 'visualization']
)
def test_no_module_has_the_name_of_what_it_exports(package):
    """The package could only offer one of the two under that name."""
    for path in (ROOT / 'mmpretrain_plugin' / package).rglob('__init__.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                assert node.module not in names, path


def test_other_packages_do_not_import_the_model():
    """They find models through the registry."""
    for module in ('analysis', 'checkpoint', 'engine', 'evaluation', 'ops'):
        for path in (ROOT / 'mmpretrain_plugin' / module).rglob('*.py'):
            used = imported(path)
            own = 'mmpretrain_plugin.models'
            assert not any(name.startswith(own) for name in used), path


def module_name(path):
    """Return the name by which a file of a package is imported."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def test_each_module_imports_alone_and_pretraining_needs_no_operators():
    """In forks of one process, in which none of ours is imported.

    Modules of mmpretrain_plugin import, and a step of pre-training runs,
    where mmdet, mmseg and the compiled operators of mmcv are missing.
    """
    names = [module_name(path) for path in FILES]
    assert len(names) > 40
    codes = [
        f'{"" if name.startswith("mmpretrain_plugin") else "# all"}\n'
        f'import {name}'
        for name in names
    ]
    result = subprocess.run(
        [sys.executable, '-P', ROOT / 'tests/helpers/run_forked.py'],
        input=json.dumps([*codes, PRETRAINING, '1 / 0']), cwd='/',
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *errors, pretraining, wrong = json.loads(result.stdout)
    assert not {name: error for name, error in zip(names, errors) if error}
    assert not pretraining
    assert 'ZeroDivisionError' in wrong  # errors do arrive
