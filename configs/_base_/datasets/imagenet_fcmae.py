"""ImageNet-1K for FCMAE: crops of 224x224 and flips; labels are not used.

A test evaluates the loss and the k-NN accuracy on the validation set, in
center crops. MMPretrain's tools read images as the test does.

The crop scale (0.2, 1), bicubic interpolation and the flip follow the released
code and equal MMPretrain's pipeline for MAE, which loads images more slowly.
The paper states only random resized cropping (section 3, Table 8).
"""

_base_ = 'mmpretrain::_base_/datasets/imagenet_bs512_mae.py'

train_pipeline = [
    dict(type='LoadRandomResizedCrop', scale=224, crop_ratio_range=(0.2, 1.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=64,
    dataset=dict(pipeline=train_pipeline),
    # Inherited, it has the scope of MMPretrain as an argument (`_scope_`),
    # which mmengine passes to the function and does not remove.
    collate_fn=dict(_delete_=True, type='default_collate'),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='ResizeEdge',
        scale=256,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='ImageNet',
        data_root='data/imagenet/',
        split='val',
        pipeline=test_pipeline,
    ),
)
test_evaluator = [dict(type='ReconstructionLoss'), dict(type='KNNAccuracy')]
test_cfg = dict()
