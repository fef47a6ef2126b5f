"""ImageNet-1K at 512x512: as at 384."""

_base_ = './imagenet_384.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1]['scale'] = 512
test_pipeline = _base_.test_pipeline
test_pipeline[1]['scale'] = (512, 512)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
