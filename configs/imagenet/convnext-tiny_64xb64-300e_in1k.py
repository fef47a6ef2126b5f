"""Supervised training of ConvNeXt V1-Tiny on ImageNet-1K.

Reproduces: Table 14 of the paper, ConvNeXt V1-T, supervised.
Expected:   82.1 top-1.
Weights:    none; randomly initialized.
Values:     those of ConvNeXt V1: drop path 0.1, 300 epochs, batch size 4096,
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
        arch='tiny',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.1,
    ),
    head=dict(in_channels=768, init_cfg=dict(std=0.02)),
)
train_dataloader = dict(batch_size=64)
