"""ImageNet-1K at 512 pixels: trained as at 224, tested on the whole picture.

From 384 on the released code resizes to the square and does not crop.
"""

_base_ = './imagenet_224.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1]['scale'] = 512
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='Resize',
        scale=(512, 512),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
