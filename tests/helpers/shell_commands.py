"""Commands of the pages, and whether they name what exists."""

import contextlib
import inspect
import io
import re
import runpy
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from unittest import mock

from mim.commands.download import cli as mim_download
from mim.commands.search import cli as mim_search
from mim.commands.test import cli as mim_test
from mim.commands.train import cli as mim_train
from mmengine.config import Config
from mmengine.registry import STRATEGIES

from mmpretrain_plugin.engine.runners.config_options import KNOWN_KEYS
from mmpretrain_plugin.models import ConvNeXtV2
from tests.test_configs import load

ROOT = Path(__file__).resolve().parents[2]
MIM = {
    'download': mim_download,
    'search': mim_search,
    'test': mim_test,
    'train': mim_train,
}
# These are not ours: the words are not checked.
FOREIGN = ('source', 'grep', 'pip', 'tensorboard', 'torchrun')


def code_blocks(text: str, language: str) -> list[str]:
    """Return the contents of the fenced blocks of a language, a pattern."""
    return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)


def commands_of(text: str) -> list[str]:
    """Return the commands of all shell blocks, without their comments."""
    blocks = '\n'.join(code_blocks(text, '(?:bash|shell)'))
    lines = blocks.replace('\\\n', ' ').splitlines()
    return [line.split('  #')[0].strip() for line in lines if line.strip()]


@cache
def help_of(tool: str) -> str:
    """Return what a Python tool prints with ``--help``."""
    out = io.StringIO()
    place = str((ROOT / tool).parent)
    with (
        mock.patch.object(sys, 'argv', [tool, '--help']),
        mock.patch.object(sys, 'path', [place, *sys.path]),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
    ):
        runpy.run_path(str(ROOT / tool), run_name='__main__')
    return out.getvalue()


def check_command(command: str) -> None:
    """Raise AssertionError if a command names what does not exist.

    Targets of make exist; tools accept their options; options of mim, configs,
    keys of the configs, and names of checkpoints are right.
    """
    words = shlex.split(command)
    if words[0] in FOREIGN:
        ours = ('requirements.txt', 'configs/', 'tools/')
        named = [w for w in words if w.startswith(ours)]
        assert all((ROOT / w).exists() for w in named), named
    elif words[0] == 'make':
        subprocess.run(
            ['make', '-n', *words[1:]], cwd=ROOT, check=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
    elif words[0] == 'python':
        check_tool(words[1], words[2:])
    else:
        assert words[0] == 'mim', command
        check_mim(words[1], words[2:])


def check_tool(tool: str, words: list[str]) -> None:
    """Check the options of a Python tool, and the configs it is given."""
    text, known = help_of(tool), {o for p in mim_train.params for o in p.opts}
    assert 'usage:' in text
    for word in words:
        if word.startswith('--'):
            assert word in text or ('sweep' in tool and word in known), word
        if word.startswith('configs/'):
            assert (ROOT / word).exists(), word
    if '--grid' in words:
        at = words.index('--grid')
        check_keys(load(ROOT / words[0]), words[at + 1 :])


def check_mim(name: str, words: list[str]) -> None:
    """Check a command of mim and the config that it runs."""
    known = {o for p in MIM[name].params for o in p.opts}
    at = words.index('--cfg-options') if '--cfg-options' in words else None
    # What mim does not know goes to the script of the library.
    scripts = {'--cfg-options', '--resume', '--tta', '--work-dir'}
    options = {w for w in words[:at] if w.startswith('--')}
    assert options <= known | scripts, options
    if name == 'search':
        return
    if name == 'download':
        stem = words[words.index('--config') + 1]
        assert list((ROOT / 'configs').rglob(f'{stem}.py')), stem
        return
    path = Path(words[1])
    if path.parts[0] == 'work_dirs':  # what a training wrote
        (path,) = (ROOT / 'configs').rglob(path.name)
    cfg = load(ROOT / path)
    assert words[0] == cfg.default_scope
    if '--checkpoint' in words:
        checkpoint = Path(words[words.index('--checkpoint') + 1])
        loop = cfg.train_cfg
        end = loop.get('max_epochs') or loop.get('max_iters')
        name = checkpoint.stem
        assert name == 'FILE' or name.split('_')[1] == str(end)
    if '--tta' in words:
        assert cfg.tta_pipeline and cfg.tta_model
    if at is not None:
        check_keys(cfg, words[at + 1 :])


def check_keys(cfg: Config, options: list[str]) -> None:
    """Check that a config has the keys of ``key=value`` options."""
    for option in options:
        *place, key = option.split('=')[0].split('.')
        if place == ['strategy']:
            assert STRATEGIES.get(option.split('=')[1])
            continue
        node = cfg
        for part in place:
            node = node[int(part) if part.isdigit() else part]
        optional = {'accumulative_counts', 'dtype', 'interval'}
        if not place:
            optional |= set(KNOWN_KEYS)  # what our runners read
        if place == ['model', 'backbone']:
            optional |= set(inspect.signature(ConvNeXtV2).parameters)
        assert key in node or key in optional, option
