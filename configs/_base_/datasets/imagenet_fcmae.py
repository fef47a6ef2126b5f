"""ImageNet-1K as FCMAE sees it: crops of 224, flips, no labels used.

Scale (0.2, 1), bicubic interpolation and the flip are the released code's;
the paper's Table 8 says RandomResizedCrop only. They equal the host's for MAE.
"""

_base_ = 'mmpretrain::_base_/datasets/imagenet_bs512_mae.py'

train_dataloader = dict(batch_size=64)
