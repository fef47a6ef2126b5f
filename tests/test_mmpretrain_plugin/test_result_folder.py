"""A folder of results has one setting and one process at a time."""

import subprocess
import sys

import pytest

from mmpretrain_plugin.result_folder import claim_folder


def test_other_settings_are_an_error(tmp_path):
    folder = tmp_path / 'new/results'
    claim_folder(folder, dict(epochs=1, seed=[0]))
    claim_folder(folder, dict(epochs=1, seed=[0]))
    with pytest.raises(ValueError, match='another epochs and size .*settings'):
        claim_folder(folder, dict(epochs=2, seed=[0], size=3))


def test_a_second_process_has_to_wait(tmp_path):
    """But not for children of the first that outlive it."""
    first = (
        'import os, sys, time; from pathlib import Path; '
        'from mmpretrain_plugin.result_folder import lock_folder; '
        'lock = lock_folder(Path(sys.argv[1])); '
        'os.fork() or time.sleep(20); '
        'print("locked", flush=True); sys.stdin.read()'
    )
    with subprocess.Popen(
        [sys.executable, '-c', first, tmp_path], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        while process.stdout.readline() != 'locked\n':
            assert process.poll() is None
        with pytest.raises(ValueError, match=f'running in {tmp_path}; wait'):
            claim_folder(tmp_path, {})
        process.kill()
        process.wait()
        claim_folder(tmp_path, {})
