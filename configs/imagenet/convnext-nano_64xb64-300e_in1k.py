"""Supervised training of ConvNeXt V1-Nano on ImageNet-1K.

Reproduces: Table 14 of the paper, ConvNeXt V1-N, supervised.
Command:    mim train mmpretrain \
                configs/imagenet/convnext-nano_64xb64-300e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8 --cfg-options
            optim_wrapper.accumulative_counts=8 custom_hooks.0.interval=8
Expected:   80.8 top-1.
Weights:    none, it starts at random.
Values:     V1's optimizer, schedule and start of the head; mixup, cutmix,
            smoothing, weight decay and drop path of Table 9. A choice: V1-A to
            V1-N are weights of timm, whose settings the paper does not give.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_supervised.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(
        arch='nano',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.1,
    ),
    head=dict(
        in_channels=640,
        init_cfg=dict(std=0.02),
        loss=dict(label_smooth_val=0.2),
    ),
    train_cfg=dict(
        augments=[
            dict(type='Mixup', alpha=0.5),
            dict(type='CutMix', alpha=0.5),
        ]
    ),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.3))
train_dataloader = dict(batch_size=64)
