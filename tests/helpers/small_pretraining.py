"""A short pre-training with its evaluation, as a config."""

import uuid
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from mmpretrain_plugin.engine import CheckedRunner
from tests.helpers.small_models import ARCH
from tests.test_configs import CONFIGS, load

EVALUATION = load(CONFIGS / '_base_/fcmae_evaluation.py')
SIDE, CLASSES, EACH = 64, ('blue', 'green', 'red'), 5


def make_images(root: Path) -> Path:
    """Write a folder with a subfolder of noisy images for each color."""
    rng = np.random.default_rng(0)
    for channel, name in enumerate(reversed(CLASSES)):
        (root / name).mkdir(parents=True)
        for i in range(EACH):
            pixels = rng.integers(0, 100, (SIDE, SIDE, 3), np.uint8)
            pixels[..., channel] += 100
            Image.fromarray(pixels).save(root / name / f'{i}.png')
    return root


def data_loader(folder: Path, batch_size: int, **options) -> dict:
    random = options.pop('random', False)
    flip = [dict(type='RandomFlip', prob=0.5)] if random else []
    load, pack = dict(type='LoadImageFromFile'), dict(type='PackInputs')
    return dict(
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=random),
        collate_fn=dict(type='default_collate'),
        dataset=dict(
            type='CustomDataset',
            data_root=str(folder),
            pipeline=[load, *flip, pack],
            serialize_data=False,  # which would collect garbage, slowly
            **options,
        ),
    )


def pretraining(folder: Path, work_dir: Path, epochs: int = 2) -> Config:
    """Return a config that trains without an evaluation."""
    return Config(
        dict(
            default_scope='mmpretrain',
            work_dir=str(work_dir),
            experiment_name=uuid.uuid4().hex,
            randomness=dict(seed=0),
            model=dict(
                type='FCMAE',
                backbone=dict(type='ConvNeXtV2', arch=ARCH),
                neck=dict(
                    type='FCMAEDecoder',
                    in_channels=ARCH['channels'][-1],
                    embed_dim=12,
                ),
                head=dict(type='FCMAEHead'),
                data_preprocessor=dict(
                    type='SelfSupDataPreprocessor',
                    mean=[123.675, 116.28, 103.53],
                    std=[58.395, 57.12, 57.375],
                    to_rgb=True,
                ),
            ),
            train_dataloader=data_loader(folder, batch_size=4, random=True),
            train_cfg=dict(
                type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1
            ),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-2)),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=1),
                checkpoint=dict(type='CheckpointHook', interval=1),
            ),
            visualizer=dict(
                type='UniversalVisualizer',
                vis_backends=[dict(type='LocalVisBackend')],
            ),
            log_level='WARNING',
        )
    )


def evaluated(folder: Path, work_dir: Path, **options) -> Config:
    """Return a config that trains, and evaluates after each epoch."""
    cfg = pretraining(folder, work_dir, **options)
    cfg.merge_from_dict(
        dict(
            val_dataloader=data_loader(folder, batch_size=4),
            val_evaluator=[
                dict(type='ReconstructionLoss'),
                dict(type='KNNAccuracy', k=3, topk=(1,), held_out=0.4),
            ],
            val_cfg=dict(),
            log_processor=EVALUATION.log_processor,
            custom_hooks=[
                dict(type='ReconstructionVisualizationHook', num_images=3)
            ],
        )
    )
    return cfg


def train(cfg: Config) -> Runner:
    """Train and return the runner."""
    runner = CheckedRunner.from_cfg(cfg)
    runner.train()
    return runner
