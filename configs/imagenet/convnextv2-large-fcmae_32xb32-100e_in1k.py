"""Fine-tuning of ConvNeXt V2-Large on ImageNet-1K after FCMAE.

Reproduces: Table 14 of the paper, ConvNeXt V2-L, FCMAE.
Expected:   85.8 top-1.
Weights:    convnext-v2-large_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0. The result of the
            authors is released as convnext-v2-large_fcmae-pre_3rdparty_in1k;
            license CC-BY-NC 4.0.
Values:     Table 11, which lists layer-wise decay; section A.2 states
            group-wise decay for base and large, as here. Table 11 prints a
            base learning rate of 6.25e-3; the released command and
            MMPretrain's configs use 6.25e-4, as here. Random erasing 0.25, the
            end of the cosine schedule and mixed precision follow the released
            code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-large_3rdparty-fcmae_in1k_20230104-bf38df92.pth'
model = dict(
    backbone=dict(
        arch='large',
        drop_path_rate=0.2,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=1536),
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.6, decay_type='group')
)
