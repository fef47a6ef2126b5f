"""The language check finds what it names, where it is, and nothing else."""

import subprocess
import sys
from pathlib import Path

import check_language
import pytest


def words(text, path='page.md'):
    return [word for _, word, _ in check_language.check_prose(text, path)]


@pytest.mark.parametrize(
    'text',
    [
        'loaded by the hosts',
        'a leaf config',
        'of all leaves',
        'a picture',
        'per site',
        'two sites',
        'their responses',
        'the slope',
        'three ways to compute',
        'draw a mask',
        'masks are drawn',
        'bring it whole',
        'what is kept for backward',
        'the floor of a step',
        'a higher rate',
        'checkpoints of any layout',
        'tell whether',
        'starts at random',
        'made anew',
        'but for the data',
    ],
)
def test_private_words_are_found(text):
    assert words(text)
    assert words(f'# {text.replace(" ", chr(10) + "# ")}')


@pytest.mark.parametrize(
    'text',
    [
        'http://HOST:29500, copied from host memory',
        'a layer never leaves a patch',
        'a leaf tensor',
        'site-packages of the environment',
        'weights load both ways',
        'draw a figure',
        'the whole image',
        'as a whole',
        'math.floor, rounded with a floor division',
        'a learning rate, the drop path\nrate and a decay rate',
        'packed and dense layouts',
        'randomly initialized weights',
        'https://host.example/whole/picture',
    ],
)
def test_plain_english_passes(text):
    assert not words(text)


def test_a_layout_is_spatial_except_where_checkpoints_are_read():
    text = 'the packed layout'
    assert not words(text, 'mmpretrain_plugin/models/layouts/packed.py')
    assert words(text, 'mmpretrain_plugin/checkpoint/convert.py')


def check_module(tmp_path, source, name='module.py'):
    path = tmp_path / name
    path.write_text(source)
    return check_language.check_file(path)


def test_code_is_checked_by_its_names_only(tmp_path):
    found = check_module(tmp_path, 'sites = picture(whole)\nrate = x.is_leaf')
    assert [word for _, word, _ in found] == ['picture', 'sites', 'whole']


def test_strings_and_comments_have_their_lines(tmp_path):
    source = '"""First.\n\nOf hosts.\n"""\nx = "a slope"  # the rate\n'
    found = check_module(tmp_path, source)
    assert [(line, word) for line, word, _ in found] == [
        (3, 'hosts'), (5, 'rate'), (5, 'slope'),
    ]  # fmt: skip


def test_the_verb_leaves_is_no_private_word(tmp_path):
    assert not check_module(tmp_path, 'def test_it_leaves_no_file(): ...')
    assert check_module(tmp_path, 'all_leaves = 1')


def test_docstrings_begin_with_a_clear_verb(tmp_path):
    source = 'def f():\n    """Refuse x."""\ndef g():\n    """Raise."""\n'
    (found,) = check_module(tmp_path, source)
    assert found == (2, '"Refuse ..."', 'Raise ... if')


def test_file_names_are_checked(tmp_path):
    (found,) = check_module(tmp_path, '', 'every_leaf.py')
    assert found[1] == 'every_leaf.py'


def test_the_command_reports_and_fails(tmp_path):
    tool = Path(check_language.__file__)
    page = tmp_path / 'page.md'
    page.write_text('Plain.\n\nA picture.\n')
    result = subprocess.run(
        [sys.executable, tool, page], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stdout == f'{page}:3: picture -> image\n'
    page.write_text('An image.\n')
    subprocess.run([sys.executable, tool, page], check=True)
