import copy
import functools
from pathlib import Path
from unittest import mock

from mmengine import fileio
from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
PATHS = sorted(
    path
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.relative_to(CONFIGS).parts
)
# For each base of another library, mmengine parses all metafiles of that
# library; with this cache, once.
_load_file = functools.cache(fileio.load)


@functools.cache
def _load(path: Path) -> Config:
    with mock.patch('mmengine.config.utils.load', _load_file):
        return Config.fromfile(path)


def load(path: Path) -> Config:
    """Return a copy of a config that is loaded once per process."""
    return copy.deepcopy(_load(path))
