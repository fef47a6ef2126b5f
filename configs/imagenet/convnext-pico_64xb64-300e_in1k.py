"""Supervised training of ConvNeXt V1-Pico on ImageNet-1K.

Reproduces: Table 14 of the paper, ConvNeXt V1-P, supervised.
Expected:   79.5 top-1.
Weights:    none; randomly initialized.
Values:     optimizer, schedule and head initialization of ConvNeXt V1; mixup,
            CutMix, label smoothing, weight decay and drop path of Table 9. Our
            choice: the V1 results of these sizes are those of timm, whose
            settings the paper does not state.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_supervised.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(
        arch='pico',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.0,
    ),
    head=dict(
        in_channels=512,
        init_cfg=dict(std=0.02),
        loss=dict(label_smooth_val=0.2),
    ),
    train_cfg=dict(
        augments=[
            dict(type='Mixup', alpha=0.3),
            dict(type='CutMix', alpha=0.3),
        ]
    ),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.3))
train_dataloader = dict(batch_size=64)
