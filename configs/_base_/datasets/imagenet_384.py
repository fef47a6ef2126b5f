"""ImageNet-1K at 384x384: trained as at 224, tested without cropping.

From 384 on, the released code resizes test images to the square.
"""

_base_ = './imagenet_224.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1]['scale'] = 384
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='Resize',
        scale=(384, 384),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
