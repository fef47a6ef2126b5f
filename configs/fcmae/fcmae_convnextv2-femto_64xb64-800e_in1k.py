"""FCMAE pre-training of ConvNeXt V2-Femto on ImageNet-1K, 800 epochs.

Reproduces: section 3 and Table 8 of the paper.
Expected:   78.5 top-1 after fine-tuning on ImageNet-1K (Table 14, which does
            not state the number of pre-training epochs).
Weights:    none; randomly initialized.
Values:     mask ratio 0.6 and decoder width 512 from section 3, optimizer and
            schedule from Table 8; see the base files.
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/imagenet_fcmae.py',
    '../_base_/schedules/fcmae_800e.py',
    '../_base_/fcmae_runtime.py',
]

model = dict(
    backbone=dict(arch='femto'),
    neck=dict(in_channels=384),
)
