"""ImageNet-1K at 224x224.

MMPretrain's pipeline has the augmentations of the paper and the released code:
random resized crop (bicubic), flip, RandAug (9, 0.5), random erasing 0.25 with
noise per pixel. The test uses the center crop after resizing to 256. Its
RandAugment equals timm's (compared in tests/test_configs/test_augmentation.py).
"""

_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64_swin_224.py'

train_dataloader = dict(batch_size=32)
