"""Run pytest in forks of a process that has imported the large libraries.

    python -P fork_pytest.py

Each line of the input is a JSON list of a folder and the arguments of pytest,
which runs in that folder; each line of the output is a JSON list of the exit
status and the output. A fork saves the imports, most of the time of a short
run, and imports our packages from the folder.
"""

import json
import os
import sys
import tempfile

# Libraries and tests print to stdout; the answers go where it led before.
OUT = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)

import mim  # noqa: E402
import mmdet.models  # noqa: E402
import mmpretrain.apis  # noqa: E402
import mmpretrain.datasets  # noqa: E402
import mmpretrain.models  # noqa: E402
import mmseg.models  # noqa: E402
import pytest  # noqa: E402
import timm  # noqa: E402
import transformers  # noqa: E402

IMPORTED = (mim, mmdet, mmpretrain, mmseg, timm, transformers)


def run(folder, arguments):
    """Return the exit status and the output of pytest in a fork."""
    with tempfile.TemporaryFile('w+') as report:
        child = os.fork()
        if child == 0:
            os.dup2(report.fileno(), 1)
            os.dup2(report.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(folder)
            os.environ['PYTHONPATH'] = folder
            sys.path.insert(0, folder)
            status = 1
            try:
                status = int(pytest.main(arguments))
            finally:
                sys.stdout.flush()
                os._exit(status)
        _, status = os.waitpid(child, 0)
        report.seek(0)
        return os.waitstatus_to_exitcode(status), report.read()


if __name__ == '__main__':
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), file=OUT, flush=True)
