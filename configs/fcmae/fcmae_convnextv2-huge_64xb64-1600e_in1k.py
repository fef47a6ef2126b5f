"""FCMAE pre-training of ConvNeXt V2-Huge on ImageNet-1K, 1600 epochs.

Reproduces: section 3 and Table 8 of the paper.
Command:    mim train mmpretrain \
                configs/fcmae/fcmae_convnextv2-huge_64xb64-1600e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   86.3 top-1 after fine-tuning on ImageNet-1K (Table 4).
Weights:    none, it starts at random.
Values:     model, data and schedule from Table 8, see the bases.
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/imagenet_fcmae.py',
    '../_base_/schedules/fcmae_1600e.py',
    '../_base_/fcmae_runtime.py',
]

model = dict(
    backbone=dict(arch='huge'),
    neck=dict(in_channels=2816),
)
