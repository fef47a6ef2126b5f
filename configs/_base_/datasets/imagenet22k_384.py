"""ImageNet-22K at 384x384, for huge (paper, section 5)."""

_base_ = './imagenet22k_224.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1]['scale'] = 384
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
