"""Ablation of FCMAE: GRN without gamma and beta.

Reproduces: section 4 of the paper: gamma and beta ease the optimization.
Command:    mim train mmpretrain \
                configs/ablation/fcmae_convnextv2-base_grn-no-affine_64xb64-800e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   unknown; GRN itself 84.6 top-1 after fine-tuning (Table 16).
Then:       configs/imagenet/convnextv2-base-fcmae_32xb32-100e_in1k.py with
            --cfg-options
            model.backbone.init_cfg.checkpoint=FILE
            model.backbone.grn_cfg.type=GRNVariant
            model.backbone.grn_cfg.affine=False
Weights:    none, it starts at random.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k but for the ones
            below, in the encoder alone: the paper is silent on the decoder.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(backbone=dict(grn_cfg=dict(type='GRNVariant', affine=False)))
