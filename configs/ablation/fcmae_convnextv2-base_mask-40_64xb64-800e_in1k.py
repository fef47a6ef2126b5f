"""Ablation of FCMAE: a mask ratio of 0.4.

Reproduces: Figure 8 of the paper, which does not name the encoder.
Expected:   unknown. Figure 8 shows a ratio of 0.6 as best and good results
            from 0.5 to 0.7.
Then:       fine-tune with imagenet/convnextv2-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k except for the one
            below.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(mask_ratio=0.4)
