"""Intermediate fine-tuning of ConvNeXt V2-Huge on ImageNet-22K.

Reproduces: Table 12 of the paper, intermediate fine-tuning for Table 15.
Expected:   88.7 at 384 and 88.9 at 512 pixels, top-1 after fine-tuning on
            ImageNet-1K (Table 15).
Weights:    convnext-v2-huge_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     Table 12. Random erasing 0.25, the end of the cosine schedule and
            mixed precision follow the released code. Section 5 uses 384x384
            images for pre-training and fine-tuning in the ImageNet-22K
            results. The resolution of the released pre-training is not stated;
            fcmae_convnextv2-huge_64xb64-1600e_in1k-384px pre-trains at
            384x384.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet22k_384.py',
    '../_base_/schedules/imagenet22k_finetune.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-huge_3rdparty-fcmae_in1k_20230104-fe43ae6c.pth'
model = dict(
    backbone=dict(
        arch='huge',
        drop_path_rate=0.3,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(num_classes=21841, in_channels=2816),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
train_dataloader = dict(batch_size=64)
