"""FCMAE pre-training of ConvNeXt V2-Huge on ImageNet-1K, 800 epochs.

Reproduces: section 3 and Table 8 of the paper.
Expected:   85.8 top-1 after fine-tuning on ImageNet-1K (Table 4).
Weights:    none; randomly initialized.
Values:     mask ratio 0.6 and decoder width 512 from section 3, optimizer and
            schedule from Table 8; see the base files. Section 5 uses 384x384
            images for the results with ImageNet-22K, as
            fcmae_convnextv2-huge_64xb64-1600e_in1k-384px does.
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/imagenet_fcmae.py',
    '../_base_/schedules/fcmae_800e.py',
    '../_base_/fcmae_runtime.py',
]

model = dict(
    backbone=dict(arch='huge'),
    neck=dict(in_channels=2816),
)
