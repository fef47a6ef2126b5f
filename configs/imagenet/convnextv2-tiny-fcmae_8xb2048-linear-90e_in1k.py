"""Linear evaluation of ConvNeXt V2-Tiny on ImageNet-1K after FCMAE.

Reproduces: nothing; the paper has no linear evaluation.
Expected:   not measured.
Weights:    convnext-v2-tiny_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     those of MMPretrain's linear evaluation of MAE; see the base file.
"""

_base_ = '../_base_/imagenet_linear.py'

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_3rdparty-fcmae_in1k_20230104-80513adc.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(input_features=768),
    head=dict(in_channels=768),
)
