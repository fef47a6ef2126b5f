"""Intermediate fine-tuning of ConvNeXt V2-Tiny on ImageNet-22K.

Reproduces: Table 12 of the paper, intermediate fine-tuning for Table 15.
Expected:   83.9 at 224 and 85.1 at 384 pixels, top-1 after fine-tuning on
            ImageNet-1K (Table 15).
Weights:    convnext-v2-tiny_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     Table 12. Random erasing 0.25, the end of the cosine schedule and
            mixed precision follow the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet22k_224.py',
    '../_base_/schedules/imagenet22k_finetune.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_3rdparty-fcmae_in1k_20230104-80513adc.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        drop_path_rate=0.0,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(num_classes=21841, in_channels=768),
)
train_dataloader = dict(batch_size=64)
