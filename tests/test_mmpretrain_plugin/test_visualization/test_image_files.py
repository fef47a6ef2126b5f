"""Images are found among files and folders."""

import pytest

from mmpretrain_plugin.visualization import find_images


def test_images_are_found_in_folders(tmp_path):
    for name in ('b.JPG', 'a.png', 'notes.txt', 'deep/c.jpeg'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = find_images([tmp_path], count=9)
    assert [p.name for p in found] == ['a.png', 'b.JPG', 'c.jpeg']
    assert find_images([tmp_path / 'b.JPG', tmp_path], count=2) == [
        tmp_path / 'b.JPG',
        tmp_path / 'a.png',
    ]


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=f'no images .* in {tmp_path}'):
        find_images([tmp_path], count=1)


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='no.png does not exist'):
        find_images([tmp_path / 'no.png'], count=1)
