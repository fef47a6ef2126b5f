"""Intermediate fine-tuning of ConvNeXt V2-Large on ImageNet-22K.

Reproduces: Table 12 of the paper, intermediate fine-tuning for Table 15.
Expected:   87.3 at 224 and 88.2 at 384 pixels, top-1 after fine-tuning on
            ImageNet-1K (Table 15).
Weights:    convnext-v2-large_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     Table 12, which lists layer-wise decay; section A.2 states
            group-wise decay for base and large, as here. Random erasing 0.25,
            the end of the cosine schedule and mixed precision follow the
            released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet22k_224.py',
    '../_base_/schedules/imagenet22k_finetune.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-large_3rdparty-fcmae_in1k_20230104-bf38df92.pth'
model = dict(
    backbone=dict(
        arch='large',
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(num_classes=21841, in_channels=1536),
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.8, decay_type='group')
)
train_dataloader = dict(batch_size=64)
