"""Supervised training of ConvNeXt V1-Tiny on ImageNet-22K.

Reproduces: the training on ImageNet-22K for the ConvNeXt V1 rows of Table 15.
Expected:   82.9 at 224 and 84.1 at 384 pixels, top-1 after fine-tuning on
            ImageNet-1K (Table 15).
Weights:    none; randomly initialized.
Values:     those of ConvNeXt V1's released commands, except for mixed
            precision: learning rate 4e-3, drop path 0.0, 90 epochs, the usual
            initialization of the head. Drop path 0 for tiny is from the V1
            paper.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet22k_224.py',
    '../_base_/schedules/imagenet22k_supervised.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(
        arch='tiny',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.0,
    ),
    head=dict(num_classes=21841, in_channels=768, init_cfg=dict(std=0.02)),
)
train_dataloader = dict(batch_size=64)
