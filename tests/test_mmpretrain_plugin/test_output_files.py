"""Output files are complete or not there."""

import json
import os

import pytest

from mmpretrain_plugin.output_files import (
    check_output_folder,
    complete_file,
    write_json,
)


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(error), complete_file(path) as part:
        part.write_text('half')
        raise error
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]
    with complete_file(path) as part:
        part.write_text('new')
    assert path.read_text() == 'new'
    assert list(tmp_path.iterdir()) == [path]


def test_json_has_no_nan(tmp_path):
    path = tmp_path / 'a.json'
    write_json(dict(a=[1, None]), path)
    with pytest.raises(ValueError, match='JSON'):
        write_json(dict(a=float('nan')), path)
    assert json.loads(path.read_text()) == dict(a=[1, None])
    assert list(tmp_path.iterdir()) == [path]


def test_folders_that_cannot_be_written_to_are_named(tmp_path, monkeypatch):
    file = tmp_path / 'file'
    file.touch()
    check_output_folder(tmp_path / 'new/deep')
    assert not (tmp_path / 'new').exists()
    for folder in (file, file / 'deep'):
        with pytest.raises(OSError, match=f'{file} is a file; choose'):
            check_output_folder(folder)
    # Tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, 'access', lambda path, mode: path != tmp_path)
    with pytest.raises(OSError, match=f'{tmp_path} cannot be written to'):
        check_output_folder(tmp_path / 'new')
