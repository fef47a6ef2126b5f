"""Unlabeled digit scenes, written by tools/demo/make_digit_scenes.py."""

data_preprocessor = dict(
    type='SelfSupDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CustomDataset',
        data_root='data/digit_scenes/unlabelled',
        with_label=False,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='RandomResizedCrop',
                scale=160,
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
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CustomDataset',
        data_root='data/digit_scenes/coco/val',
        with_label=False,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=160, interpolation='bicubic'),
            dict(type='PackInputs'),
        ],
    ),
)
test_evaluator = dict(type='ReconstructionLoss')
test_cfg = dict()
