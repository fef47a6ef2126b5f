"""ImageNet-1K at 224 pixels.

The host's pipeline is the paper's and the released code's: random resized
crop (bicubic), flip, RandAug (9, 0.5), random erasing 0.25 with noise in
every pixel; test on the center crop of a picture of 256. Its RandAugment
equals timm's (tests/test_configs/test_augmentation.py compares them).
"""

_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64_swin_224.py'

train_dataloader = dict(batch_size=32)
