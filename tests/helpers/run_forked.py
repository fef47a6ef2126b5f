"""Run pieces of Python code, each in a fork that has imported mmpretrain.

    python -P run_forked.py < codes.json > errors.json

Reads a list of codes and writes a list of error messages, empty where a code
succeeded. Importing mmpretrain once makes a fork cost what our modules cost.
In the forks mmdet, mmseg and the compiled operators of mmcv cannot be
imported, unless a code begins with ``# all``.
"""

import json
import os
import sys
import tempfile
import traceback

# Libraries print to stdout when they are imported; the answer goes there last.
OUT = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)
BLOCKED = ('mmcv._ext', 'mmdet', 'mmseg')
for name in BLOCKED:
    sys.modules[name] = None

import mmpretrain.apis  # noqa: E402
import mmpretrain.models  # noqa: E402, F401


def run(code):
    """Return the traceback of a code that fails in a fork, else ''."""
    with tempfile.TemporaryFile('w+') as report:
        child = os.fork()
        if child == 0:
            try:
                if code.startswith('# all'):
                    for name in BLOCKED:
                        del sys.modules[name]
                exec(code, {})
            except BaseException:
                traceback.print_exc(file=report)
                report.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        report.seek(0)
        return report.read() or ('' if status == 0 else f'status {status}')


if __name__ == '__main__':
    assert not any(name.startswith('mmcv.ops') for name in sys.modules)
    codes = json.load(sys.stdin)
    json.dump([run(code) for code in codes], OUT)
    OUT.close()
