"""Fine-tuning of ConvNeXt V2-Femto on ImageNet-1K after FCMAE.

Reproduces: Table 14 of the paper, ConvNeXt V2-F, FCMAE.
Expected:   78.5 top-1.
Weights:    convnext-v2-femto_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0. The result of the
            authors is released as convnext-v2-femto_fcmae-pre_3rdparty_in1k;
            license CC-BY-NC 4.0.
Values:     Table 9. Random erasing 0.25, the end of the cosine schedule and
            mixed precision follow the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune_600e.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-femto_3rdparty-fcmae_in1k_20230104-adbe2082.pth'
model = dict(
    backbone=dict(
        arch='femto',
        drop_path_rate=0.0,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=384, loss=dict(label_smooth_val=0.2)),
    train_cfg=dict(
        augments=[
            dict(type='Mixup', alpha=0.3),
            dict(type='CutMix', alpha=0.3),
        ]
    ),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
