"""FCMAE pre-training of ConvNeXt V2-Huge at 384 pixels, 1600 epochs.

Reproduces: section 5 of the paper, pre-training for the results with
            ImageNet-22K.
Expected:   88.7 at 384 and 88.9 at 512 pixels, top-1 after fine-tuning on
            ImageNet-22K and then ImageNet-1K (Table 15).
Then:       fine-tune with convnextv2-huge-fcmae_64xb64-90e_in22k-384px and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-huge_64xb64-1600e_in1k at 384x384.
            Section 5 does not state the number of epochs; 1600 is our choice,
            after Table 4.
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/imagenet_fcmae_384.py',
    '../_base_/schedules/fcmae_1600e.py',
    '../_base_/fcmae_runtime.py',
]

model = dict(
    backbone=dict(arch='huge'),
    neck=dict(in_channels=2816),
)
