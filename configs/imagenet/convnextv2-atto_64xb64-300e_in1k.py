"""Supervised training of ConvNeXt V2-Atto on ImageNet-1K.

Reproduces: Table 14 of the paper, ConvNeXt V2-A, supervised.
Expected:   76.2 top-1.
Weights:    none; randomly initialized.
Values:     optimizer, schedule and head initialization of ConvNeXt V1; mixup,
            CutMix, label smoothing, weight decay and drop path of Table 9. Our
            choice: the paper does not state how it trained V2 without
            pre-training.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_supervised.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(arch='atto', drop_path_rate=0.1),
    head=dict(
        in_channels=320,
        init_cfg=dict(std=0.02),
        loss=dict(label_smooth_val=0.2),
    ),
    train_cfg=None,
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.3))
train_dataloader = dict(batch_size=64)
