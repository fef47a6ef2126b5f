"""Ablation of FCMAE: a mask ratio of 0.1.

Reproduces: Figure 8 of the paper, which does not name the encoder.
Command:    mim train mmpretrain \
                configs/ablation/fcmae_convnextv2-base_mask-10_64xb64-800e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   less than 84.6 top-1 after fine-tuning: the figure has 0.6 on top.
Then:       configs/imagenet/convnextv2-base-fcmae_32xb32-100e_in1k.py with
            --cfg-options
            model.backbone.init_cfg.checkpoint=FILE
Weights:    none, it starts at random.
Values:     those of fcmae_convnextv2-base_64xb64-800e_in1k but for the one
            below.
"""

_base_ = '../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py'

model = dict(mask_ratio=0.1)
