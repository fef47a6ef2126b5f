"""ImageNet-22K (21841 classes) with the augmentation of ImageNet-1K.

There is no validation: what counts is the fine-tuning on ImageNet-1K after
it. The host wants a list of files in ``meta/train.txt``; without one it reads
the folders, which takes long.
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
