"""READMEs and metafiles name every config, and mim finds them."""

import re
import subprocess
import sys

import pytest
import yaml
from make_metafiles import (
    COLLECTIONS,
    FIELDS,
    ROOT,
    model_name,
    read_head,
    read_recipes,
    write_all,
)
from modelindex.load_model_index import load as load_index

from tests.helpers.shell_commands import check_command, commands_of
from tests.test_configs import CONFIGS, PATHS, load

READMES = [CONFIGS / folder / 'README.md' for folder in COLLECTIONS]


def test_files_are_up_to_date():
    """If not: python tools/dev/make_metafiles.py."""
    for path, text in write_all(load).items():
        assert path.read_text() == text, path


def test_every_config_is_in_one_table():
    for path in PATHS:
        text = path.with_name('README.md').read_text()
        assert text.count(f'({path.name})') == 1, path
    recipes = [r for folder in COLLECTIONS for r in read_recipes(folder, load)]
    assert sorted(recipe.path for recipe in recipes) == PATHS


@pytest.mark.parametrize('readme', [CONFIGS / 'README.md', *READMES])
def test_links_resolve(readme):
    """To files here, or to weights that a config or MMPretrain names."""
    for link in re.findall(r'\]\(([^)]+)\)', readme.read_text()):
        if link.startswith('https://'):
            assert re.fullmatch(r'https://mmassets\.onedl\.ai/.*\.pth', link)
        else:
            assert (readme.parent / link).is_file(), link


@pytest.mark.parametrize('readme', READMES, ids=lambda p: p.parent.name)
def test_commands_are_right(readme):
    """CONFIG stands for every config of the folder and the library."""
    commands = commands_of(readme.read_text())
    assert any(command.startswith('mim train') for command in commands)
    paths = sorted(readme.parent.glob('*.py'))
    for command in commands:
        named = [
            path
            for path in paths
            if command.split()[2] == load(path).default_scope
        ]
        if 'CONFIG' not in command:
            named = paths[:1]
        assert named, command
        for path in named:
            check_command(command.replace('CONFIG', path.stem))


def test_heads_have_their_fields_in_order():
    for path in PATHS:
        title, fields = read_head(path.read_text())
        assert title, path
        positions = [FIELDS.index(name) for name in fields]
        assert positions == sorted(positions), (path, list(fields))


def test_an_unknown_field_is_an_error():
    with pytest.raises(ValueError, match='field Hint in the head'):
        read_head('"""Title.\n\nHint:  none.\n"""')


def test_heads_name_the_license_and_source_of_weights():
    """Addresses have a license; others name the config to train first."""
    stems = {path.stem for path in PATHS}
    for folder in COLLECTIONS:
        for recipe in read_recipes(folder, load):
            stated, address = recipe.fields['Weights'], recipe.initial_weights
            if address.startswith('https://'):
                assert stated.startswith(model_name(address)), recipe.path
                v2 = '/convnext-v2/' in address
                wanted = 'CC-BY-NC 4.0' if v2 else 'MIT'
                if '3rdparty' not in address:  # trained by OpenMMLab
                    wanted = 'Apache 2.0'
                assert f'license {wanted}' in stated, recipe.path
            elif address.startswith('weights/dinov3'):
                assert 'https://github.com/facebookresearch/dinov3' in stated
                assert stated.endswith('DINOv3 License.'), recipe.path
            elif address and folder != 'demo':
                (run,) = re.findall(r'train (\S+) first', stated)
                assert run in stems and f'/{run}/' in address, recipe.path
            elif not address:
                assert stated.startswith('none; randomly initialized')


def test_weights_are_those_of_the_same_model():
    """Released weights: size, pre-training, data and resolution agree."""
    for path in CONFIGS.glob('*/metafile.yml'):
        for model in yaml.safe_load(path.read_text())['Models']:
            if 'Weights' not in model:
                continue
            name, weights = model['Name'], model_name(model['Weights'])
            if path.parent.name == 'comparison':
                check_weights_of_openmmlab(model, name)
                continue
            assert path.parent.name == 'imagenet'
            assert '3rdparty' in weights
            size = re.match(r'convnext(?:v2)?-([a-z]+)', name)[1]
            assert re.search(r'convnext-(?:v2-)?([a-z]+)', weights)[1] == size
            assert ('-v2-' in weights) == name.startswith('convnextv2')
            assert ('fcmae' in weights) == ('-fcmae' in name)
            assert ('in21k-pre' in weights) == ('-in22k_' in name)
            assert ('_in1k' in weights) == ('_in1k' in name)
            pixels = [re.search(r'(\d+)px', text) for text in (name, weights)]
            assert len({match and match[1] for match in pixels}) == 1
            released = model['Metadata']['Weights License']
            assert released == ('CC-BY-NC 4.0' if '-v2-' in weights else 'MIT')


def check_weights_of_openmmlab(model, name):
    """Method, size and part of the training agree."""
    folders = model['Weights'].replace('//', '/').split('/')
    (method,) = (
        m for m in ('mae', 'simmim', 'spark') if m in re.split('[_-]', name)
    )
    assert method in folders
    size = re.search(r'tiny|base|large|huge', name)[0]
    assert size in folders[-1]
    # MMPretrain keeps fine-tuned weights in the folder of the pre-training.
    is_finetuned = len(folders) - folders.index(method) > 3
    assert is_finetuned == ('-pre_' in name)
    metadata = model['Metadata']
    assert metadata['Weights License'] == 'Apache 2.0'
    assert metadata['Weights Source'].endswith('released by OpenMMLab')


def test_the_index_has_openmmlabs_format():
    """As modelindex, which mim uses, loads it."""
    loaded = load_index(str(ROOT / 'model-index.yml'))
    names = [model.name for model in loaded.models]
    assert sorted(names) == sorted(path.stem for path in PATHS)
    assert all((ROOT / model.config).is_file() for model in loaded.models)
    assert all(model.results is None for model in loaded.models)


def run_mim(python, *arguments, **options):
    return subprocess.run(
        [python, '-m', 'mim', *arguments],
        capture_output=True, text=True, **options,
    )  # fmt: skip


@pytest.mark.slow
def test_mim_finds_configs_of_the_checkout():
    result = run_mim(
        sys.executable, 'search', 'convnextv2-openmmlab', '--config',
        'mask-rcnn_convnextv2-base-fcmae_fpn_8xb4-lsj-3x_coco',
    )  # fmt: skip
    assert '52.9 box ap' in result.stdout, result.stdout + result.stderr
