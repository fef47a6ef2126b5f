"""Mask2Former with ConvNeXt V2-Base on COCO.

Reproduces: nothing in the paper, which has no Mask2Former.
Expected:   unknown.
Weights:    convnext-v2-base_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     MMDetection's config for ResNet-50: learning rate 1e-4, a tenth of
            it for the backbone, 50 epochs. Drop path of 0.3 is that of its
            configs for Swin. Not tuned for these weights.
"""

_base_ = '../_base_/models/mask2former_convnextv2_coco.py'

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-base_3rdparty-fcmae_in1k_20230104-8a798eaf.pth'
model = dict(
    backbone=dict(
        arch='base',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    panoptic_head=dict(in_channels=[128, 256, 512, 1024]),
)
