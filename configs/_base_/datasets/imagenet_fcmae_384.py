"""ImageNet-1K for FCMAE at 384x384: 12x12 patches of 32 pixels."""

_base_ = './imagenet_fcmae.py'

train_pipeline = _base_.train_pipeline
train_pipeline[0]['scale'] = 384
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
