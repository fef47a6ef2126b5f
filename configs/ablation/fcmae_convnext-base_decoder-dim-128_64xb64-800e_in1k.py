"""Ablation of FCMAE: a decoder of width 128.

Reproduces: Table 1c of the paper.
Expected:   83.5 top-1 after fine-tuning.
Then:       fine-tune with imagenet/convnext-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Weights:    none; randomly initialized.
Values:     those of fcmae_convnext-base_64xb64-800e_in1k except for the one
            below.
"""

_base_ = '../fcmae/fcmae_convnext-base_64xb64-800e_in1k.py'

model = dict(neck=dict(embed_dim=128))
