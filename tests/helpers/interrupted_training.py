"""Small trainings that stop before they are done."""

import pytest
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS

from tests.helpers.small_pretraining import pretraining

LENGTH = 4  # batches of an epoch
TOTAL = 4 * LENGTH


class Crash(Exception):  # noqa: N818
    """In the place of a kill."""


class CrashHook(Hook):
    """Stop a training before one of its steps."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise Crash


def config(folder, work_dir, workers, by_epoch, seed=3):
    """Return a training with everything that is random or has a state."""
    cfg = pretraining(folder, work_dir, epochs=TOTAL // LENGTH)
    cfg.runner_type = 'CheckedRunner'
    cfg.model.backbone.drop_path_rate = 0.3
    cfg.randomness = dict(seed=seed)
    cfg.custom_hooks = [dict(type='EMAHook', momentum=0.1)]
    cfg.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=6),
        dict(type='CosineAnnealingLR', by_epoch=True, T_max=4),
    ]
    loader = cfg.train_dataloader
    loader.num_workers = workers
    loader.persistent_workers = workers > 0
    loader.dataset.pipeline.insert(
        1, dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.2, 1))
    )
    loader.dataset.pipeline.insert(
        2, dict(type='ColorJitter', brightness=0.4, contrast=0.4)
    )
    if not by_epoch:
        loader.sampler = dict(type='InfiniteSampler')
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=TOTAL)
        cfg.default_hooks.checkpoint.update(by_epoch=False, interval=3)
        cfg.log_processor = dict(by_epoch=False)
        cfg.param_scheduler[1].by_epoch = False
    return cfg


def train(cfg, crash=None, resume=False):
    cfg = cfg.copy()
    cfg.resume = resume
    runner = RUNNERS.build(cfg)
    if crash is None:
        runner.train()
    else:
        runner.register_hook(CrashHook(crash))
        with pytest.raises(Crash):
            runner.train()
    return runner
