"""A folder of results has one setting and one process at a time."""

import pytest

from mmpretrain_plugin.result_folder import claim_folder


def test_other_settings_are_an_error(tmp_path):
    folder = tmp_path / 'new/results'
    claim_folder(folder, dict(epochs=1, seed=[0]))
    claim_folder(folder, dict(epochs=1, seed=[0]))
    with pytest.raises(ValueError, match='another epochs and size .*settings'):
        claim_folder(folder, dict(epochs=2, seed=[0], size=3))


def test_a_second_process_has_to_wait(tmp_path):
    lock = claim_folder(tmp_path, {})
    with pytest.raises(ValueError, match=f'is running in {tmp_path}; wait'):
        claim_folder(tmp_path, {})
    lock.close()
    claim_folder(tmp_path, {})
