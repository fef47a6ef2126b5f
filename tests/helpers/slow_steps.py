"""Train a config, as the tools do, with steps that take some time.

python -m tests.helpers.slow_steps CONFIG SECONDS
"""

import sys
import time

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS


class SlowStepHook(Hook):
    """Wait before each step, so that a kill hits any part of a training."""

    def __init__(self, seconds):
        self.seconds = seconds

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        time.sleep(self.seconds)


if __name__ == '__main__':
    cfg = Config.fromfile(sys.argv[1])
    cfg.resume = True
    runner = RUNNERS.build(cfg)
    runner.register_hook(SlowStepHook(float(sys.argv[2])))
    print('begins', flush=True)
    runner.train()
