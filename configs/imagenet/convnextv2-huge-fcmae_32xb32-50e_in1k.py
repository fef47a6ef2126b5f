"""Fine-tuning of ConvNeXt V2-Huge on ImageNet-1K after FCMAE.

Reproduces: Table 14 of the paper, ConvNeXt V2-H, FCMAE.
Expected:   86.3 top-1.
Weights:    convnext-v2-huge_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0. The result of the
            authors is released as convnext-v2-huge_fcmae-pre_3rdparty_in1k;
            license CC-BY-NC 4.0.
Values:     Table 11. Random erasing 0.25, the end of the cosine schedule and
            mixed precision follow the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune_50e.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-huge_3rdparty-fcmae_in1k_20230104-fe43ae6c.pth'
model = dict(
    backbone=dict(
        arch='huge',
        drop_path_rate=0.3,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=2816),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
