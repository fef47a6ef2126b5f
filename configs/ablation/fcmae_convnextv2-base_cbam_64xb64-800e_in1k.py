"""Ablation of FCMAE: CBAM in the place of GRN.

Reproduces: section 4 and Table 2 of the paper, feature re-weighting.
Expected:   unknown. GRN: 84.6 top-1 after fine-tuning (Table 16).
Then:       fine-tune with imagenet/convnextv2-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
            model.backbone.grn_cfg.type=CBAM
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k except for the
            layer below, which changes in the encoder only; the paper does not
            mention the decoder. Reduction 16 and a 7x7 convolution, as in the
            paper of CBAM, without batch norm after it; averages and maxima
            over visible positions, and the convolution reads hidden ones as
            zero. Our choice. 109.6M parameters, of which 21.0M are in these
            layers.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(backbone=dict(grn_cfg=dict(type='CBAM')))
