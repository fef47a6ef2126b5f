"""Ablation of FCMAE: local response normalization in the place of GRN.

Reproduces: section 4 and Table 2 of the paper, normalization layers; local
            response normalization in the last figure of the appendix.
Expected:   unknown; the appendix finds an irregular diversity of features.
            GRN: 84.6 top-1 after fine-tuning (Table 16).
Then:       fine-tune with imagenet/convnextv2-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
            model.backbone.grn_cfg.type=LocalResponseNorm
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k except for the
            layer below, which changes in the encoder only; the paper does not
            mention the decoder. Size 5, alpha 1e-4, beta 0.75 and k 2 of
            AlexNet, which the paper cites; without a residual connection. Our
            choice.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(backbone=dict(grn_cfg=dict(type='LocalResponseNorm')))
