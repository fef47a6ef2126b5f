"""Unlabeled digit scenes, written by tools/demo/make_digit_scenes.py."""

data_preprocessor = dict(
    type='SelfSupDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
# Small images load faster in the training process than in a second one, which
# would need a core of its own.
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CustomDataset',
        data_root='data/digit_scenes/unlabeled',
        with_label=False,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='RandomResizedCrop',
                scale=96,
                crop_ratio_range=(0.4, 1.0),
                interpolation='bicubic',
            ),
            dict(type='PackInputs'),
        ],
    ),
)
# A test evaluates the loss; MMPretrain's tools read images as the test does.
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CustomDataset',
        data_root='data/digit_scenes/coco/test',
        with_label=False,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=96, interpolation='bicubic'),
            dict(type='PackInputs'),
        ],
    ),
)
test_evaluator = dict(type='ReconstructionLoss')
test_cfg = dict()
