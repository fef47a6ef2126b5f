"""FCMAE pre-training of ConvNeXt V1-Large on ImageNet-1K, 800 epochs.

Reproduces: Table 3 of the paper: FCMAE without GRN gains little.
Command:    mim train mmpretrain \
                configs/fcmae/fcmae_convnext-large_64xb64-800e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   84.4 top-1 after fine-tuning on ImageNet-1K (Table 3).
Weights:    none, it starts at random.
Values:     Table 8; V1's layer scale in place of GRN. The decoder keeps GRN,
            which the paper leaves open.
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/imagenet_fcmae.py',
    '../_base_/schedules/fcmae_800e.py',
    '../_base_/fcmae_runtime.py',
]

model = dict(
    backbone=dict(arch='large', use_grn=False, layer_scale_init_value=1e-6),
    neck=dict(in_channels=1536),
)
