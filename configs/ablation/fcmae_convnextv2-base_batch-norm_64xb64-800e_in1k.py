"""Ablation of FCMAE: BatchNorm in the place of GRN.

Reproduces: section 4 and Table 2 of the paper, normalization layers; BatchNorm
            in the last figure of the appendix.
Expected:   unknown; the appendix finds the strongest feature collapse. GRN:
            84.6 top-1 after fine-tuning (Table 16).
Then:       fine-tune with imagenet/convnextv2-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
            model.backbone.grn_cfg.type=VisibleBatchNorm
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k except for the
            layer below, which changes in the encoder only; the paper does not
            mention the decoder. Statistics over the visible positions of the
            64 images of a GPU, as of a sparse tensor, so that the features of
            an image depend on the other 63; without a residual connection. Our
            choice.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(backbone=dict(grn_cfg=dict(type='VisibleBatchNorm')))
