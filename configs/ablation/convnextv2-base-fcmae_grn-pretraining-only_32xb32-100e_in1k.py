"""Ablation of fine-tuning: GRN in pre-training only.

Reproduces: section 4 and Table 2f of the paper, GRN removed at fine-tuning.
Expected:   unknown; a significant degradation (section 4). With GRN in both:
            84.6 top-1 after 800 epochs of pre-training (Table 16).
Weights:    convnext-v2-base_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0. The log lists the GRN
            weights that are left out.
Values:     those of convnextv2-base-fcmae_32xb32-100e_in1k except for GRN; no
            layer scale, which the weights do not have. Table 2 uses 800 epochs
            of pre-training; the release does not state its number.
"""

_base_ = '../imagenet/convnextv2-base-fcmae_32xb32-100e_in1k.py'

model = dict(backbone=dict(use_grn=False, init_cfg=dict(grn='drop')))
