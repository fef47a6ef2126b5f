"""Ablation of FCMAE: a UNet decoder with skips.

Reproduces: Table 1a of the paper.
Expected:   83.7 top-1 after fine-tuning.
Then:       fine-tune with imagenet/convnext-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Weights:    none; randomly initialized.
Values:     the paper does not describe this decoder; one block per level, as
            wide as the encoder.
"""

_base_ = '../fcmae/fcmae_convnext-base_64xb64-800e_in1k.py'

model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(
        _delete_=True,
        type='FCMAEUNetDecoder',
        in_channels=[128, 256, 512, 1024],
        skip=True,
    ),
)
