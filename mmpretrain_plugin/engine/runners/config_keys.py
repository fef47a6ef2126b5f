"""Refuse options that nothing reads."""

import difflib
import inspect
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

# Keys that the runners and the tools of the libraries read, besides the
# parameters of ``Runner``.
OTHERS = (
    'activation_checkpointing',
    'auto_scale_lr',
    'bad_sample_share',
    'compile',
    'data_root',
    'efficient_conv_bn_eval',
    'env_cfg',
    'model_wrapper_cfg',
    'runner_type',
    'start_over',
    'strategy',
    'tta_model',
    'tta_pipeline',
)


def check_keys(cfg: Config, runner: type) -> None:
    """Raise an error if a key was added that nothing knows.

    ``--cfg-options`` adds a key that is misspelled, and the run goes on as if
    it had not been given.

    Args:
        cfg: Config of the run; one that was not read from a file passes.
        runner: Class of the runner.

    Raises:
        ValueError: If neither the file of the config nor the runner has a
            key at the top level.
    """
    file = cfg.filename
    if not file or not Path(file).is_file():
        return
    own = Config.fromfile(file, import_custom_modules=False)
    known = {*own, *OTHERS}
    for kind in (Runner, *inspect.getmro(runner)):
        known |= set(inspect.signature(kind.__init__).parameters)
    for key in cfg:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            remedy = f'did you mean {near[0]}?' if near else 'remove it'
            raise ValueError(
                f'{key} is an option neither of {file} nor of the runner; '
                f'{remedy}'
            )
