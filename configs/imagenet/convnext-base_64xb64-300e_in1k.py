"""Supervised training of ConvNeXt V1-Base on ImageNet-1K.

Reproduces: Table 14 of the paper, ConvNeXt V1-B, supervised.
Expected:   83.8 top-1.
Weights:    none; randomly initialized. The result of the authors is released
            as convnext-base_3rdparty_in1k; license MIT.
Values:     those of ConvNeXt V1: drop path 0.5, 300 epochs, batch size 4096,
            the usual initialization of the head.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_supervised.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.5,
    ),
    head=dict(in_channels=1024, init_cfg=dict(std=0.02)),
)
train_dataloader = dict(batch_size=64)
