"""Supervised training of ConvNeXt V1-Tiny on ImageNet-1K.

Reproduces: Table 14 of the paper, ConvNeXt V1-T, supervised.
Command:    mim train mmpretrain \
                configs/imagenet/convnext-tiny_64xb64-300e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8 --cfg-options
            optim_wrapper.accumulative_counts=8 custom_hooks.0.interval=8
Expected:   82.1 top-1.
Weights:    none, it starts at random.
Values:     V1's: drop path 0.1, 300 epochs, batch 4096, an ordinary start of
            the head.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_supervised.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(
        arch='tiny',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.1,
    ),
    head=dict(in_channels=768, init_cfg=dict(std=0.02)),
)
train_dataloader = dict(batch_size=64)
