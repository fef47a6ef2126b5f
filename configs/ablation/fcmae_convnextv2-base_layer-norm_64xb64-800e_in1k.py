"""Ablation of FCMAE: LayerNorm in the place of GRN.

Reproduces: section 4 and Table 2 of the paper, normalization layers; LayerNorm
            in the last figure of the appendix.
Expected:   unknown; the appendix finds less diverse features than with GRN.
            GRN: 84.6 top-1 after fine-tuning (Table 16).
Then:       fine-tune with imagenet/convnextv2-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
            model.backbone.grn_cfg.type=ChannelLayerNorm
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k except for the
            layer below, which changes in the encoder only; the paper does not
            mention the decoder. LayerNorm over the channels of a position,
            with weight and bias and without a residual connection, our choice.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(backbone=dict(grn_cfg=dict(type='ChannelLayerNorm')))
