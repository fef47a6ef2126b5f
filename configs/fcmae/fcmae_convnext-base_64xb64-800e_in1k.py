"""FCMAE pre-training of ConvNeXt V1-Base on ImageNet-1K, 800 epochs.

Reproduces: Table 3 of the paper, FCMAE with ConvNeXt V1.
Expected:   83.7 top-1 after fine-tuning on ImageNet-1K (Table 3).
Weights:    none; randomly initialized.
Values:     section 3 and Table 8, with the layer scale of ConvNeXt V1 in place
            of GRN. The decoder block keeps GRN; section 3 calls it "a plain
            ConvNeXt block".
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/imagenet_fcmae.py',
    '../_base_/schedules/fcmae_800e.py',
    '../_base_/fcmae_runtime.py',
]

model = dict(
    backbone=dict(arch='base', use_grn=False, layer_scale_init_value=1e-6),
    neck=dict(in_channels=1024),
)
