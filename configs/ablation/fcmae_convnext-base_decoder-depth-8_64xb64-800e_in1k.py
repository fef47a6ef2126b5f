"""Ablation of FCMAE: a decoder of 8 blocks.

Reproduces: Table 1b of the paper.
Command:    mim train mmpretrain \
                configs/ablation/fcmae_convnext-base_decoder-depth-8_64xb64-800e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   83.6 top-1 after fine-tuning.
Then:       configs/imagenet/convnext-base-fcmae_32xb32-100e_in1k.py with
            --cfg-options
            model.backbone.init_cfg.checkpoint=FILE
Weights:    none, it starts at random.
Values:     those of fcmae_convnext-base_64xb64-800e_in1k but for the one
            below.
"""

_base_ = '../fcmae/fcmae_convnext-base_64xb64-800e_in1k.py'

model = dict(neck=dict(depth=8))
