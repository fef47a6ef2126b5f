"""Triton kernels run on a CPU, in Triton's interpreter.

A process either interprets kernels or compiles them for GPUs, and selects that
when it imports Triton. Functions named ``check_*`` need the interpreter, so
one subprocess collects and runs them all.
"""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
FILES = [
    path
    for path in sorted(FOLDER.glob('test_*.py'))
    if '\ndef check_' in path.read_text()
]


def test_checks_pass_in_the_interpreter():
    assert len(FILES) == 3
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', *map(str, FILES), '-q', '-x',
         '-p', 'no:cacheprovider', '-o', 'python_functions=check_*'],
        env={
            **os.environ,
            'TRITON_INTERPRET': '1',
            'CONVNEXTV2_KERNELS': 'triton',
        },
        capture_output=True, text=True, cwd=FOLDER.parents[2],
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'skipped' not in result.stdout
