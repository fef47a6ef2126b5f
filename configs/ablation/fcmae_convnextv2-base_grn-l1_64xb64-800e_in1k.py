"""Ablation of FCMAE: GRN with L1 norms.

Reproduces: Table 2 of the paper, feature aggregation.
Expected:   unknown. GRN: 84.6 top-1 after fine-tuning (Table 16).
Then:       fine-tune with imagenet/convnextv2-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
            model.backbone.grn_cfg.type=GRNVariant
            model.backbone.grn_cfg.aggregation=l1
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k except for GRN
            below, which changes in the encoder only; the paper does not
            mention the decoder.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(backbone=dict(grn_cfg=dict(type='GRNVariant', aggregation='l1')))
