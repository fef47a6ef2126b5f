"""Ablation of fine-tuning: GRN in fine-tuning only.

Reproduces: section 4 and Table 2f of the paper, a newly initialized GRN added
            at fine-tuning.
Expected:   unknown; a significant degradation (section 4). With GRN in both:
            84.6 top-1 after 800 epochs of pre-training (Table 16).
Weights:    not released; train fcmae_convnext-base_64xb64-800e_in1k first. The
            log lists the GRN weights that start at zero.
Values:     those of convnext-base-fcmae_32xb32-100e_in1k except for GRN. The
            layer scale of the weights stays, our choice: the network computes
            at first what was pre-trained.
"""

_base_ = '../imagenet/convnext-base-fcmae_32xb32-100e_in1k.py'

model = dict(backbone=dict(use_grn=True, init_cfg=dict(grn='zero')))
