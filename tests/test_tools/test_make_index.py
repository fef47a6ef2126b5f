"""The index is what the configs say, and mim finds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from make_index import FIELDS, ROOT, index, model_index, read_head, read_leaves

from tests.test_configs import LEAVES


@pytest.fixture(scope='module')
def leaves():
    return read_leaves()


def test_both_files_are_up_to_date(leaves):
    """Else: python tools/dev/make_index.py."""
    assert (ROOT / 'configs/README.md').read_text() == index(leaves)
    assert (ROOT / 'model-index.yml').read_text() == model_index(leaves)


def test_it_has_every_leaf_once(leaves):
    assert sorted(ROOT / leaf.path for leaf in leaves) == LEAVES
    text = (ROOT / 'configs/README.md').read_text()
    for leaf in leaves:
        link = f'({leaf.path.relative_to("configs")})'
        assert text.count(link) == 1, link
        assert leaf.fields['Command'] in text


def test_no_link_leads_nowhere():
    text = (ROOT / 'configs/README.md').read_text()
    links = re.findall(r'\]\(([^)]+)\)', text)
    assert len(links) == len(LEAVES)
    assert all((ROOT / 'configs' / link).is_file() for link in links)
    assert 'http' not in text


def test_heads_have_their_fields_in_order():
    for path in LEAVES:
        title, fields = read_head(path.read_text())
        assert title and 'Weights' in fields, path
        positions = [FIELDS.index(name) for name in fields]
        assert positions == sorted(positions), (path, list(fields))


def test_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match='no field Hint'):
        read_head('"""Title.\n\nHint:  none.\n"""')


def test_weights_say_whose_they_are():
    """Every address has a licence in the head; every other run its leaf."""
    stems = {path.stem for path in LEAVES}
    for path in LEAVES:
        text = path.read_text()
        weights = read_head(text)[1]['Weights']
        if 'https://' in text:
            assert 'licence' in weights, path
        if 'none are released' in weights:
            run = weights.split('train ')[1].split()[0]
            assert run in stems, path


@pytest.mark.slow
def test_mim_search_finds_them():
    result = subprocess.run(
        [Path(sys.executable).with_name('mim'), 'search',
         'convnextv2-openmmlab', '--config',
         'mask-rcnn_convnextv2-base-fcmae_fpn_8xb4-lsj-3x_coco'],
        capture_output=True, text=True,
    )  # fmt: skip
    assert '52.9 box ap' in result.stdout, result.stdout + result.stderr


def test_its_format_is_the_hosts():
    """As modelindex, which mim uses, reads it."""
    from modelindex.load_model_index import load

    loaded = load(str(ROOT / 'model-index.yml'))
    names = [model.name for model in loaded.models]
    assert sorted(names) == sorted(path.stem for path in LEAVES)
    raw = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert all((ROOT / m['Config']).is_file() for m in raw['Models'])
