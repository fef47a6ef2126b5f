"""Fine-tuning of ConvNeXt V2-Tiny on ImageNet-1K after FCMAE.

Reproduces: Table 14 of the paper, ConvNeXt V2-T, FCMAE.
Expected:   83.0 top-1.
Weights:    convnext-v2-tiny_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0. The result of the
            authors is released as convnext-v2-tiny_fcmae-pre_3rdparty_in1k;
            license CC-BY-NC 4.0.
Values:     Table 10. Random erasing 0.25, the end of the cosine schedule and
            mixed precision follow the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune_300e.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_3rdparty-fcmae_in1k_20230104-80513adc.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        drop_path_rate=0.2,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=768),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.9))
