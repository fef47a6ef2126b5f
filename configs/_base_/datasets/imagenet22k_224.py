"""ImageNet-22K (21841 classes) with the augmentation of ImageNet-1K.

There is no validation set: results are those of the fine-tuning on ImageNet-1K
that follows. MMPretrain reads the list of files from ``meta/train.txt``;
without it, scanning the folders takes long.
"""

_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64_swin_224.py'

data_preprocessor = dict(num_classes=21841)
train_dataloader = dict(
    dataset=dict(type='ImageNet21k', data_root='data/imagenet22k')
)
val_dataloader = None
val_evaluator = None
test_dataloader = None
test_evaluator = None
