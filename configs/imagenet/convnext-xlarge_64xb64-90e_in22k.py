"""Supervised training of ConvNeXt V1-XLarge on ImageNet-22K.

Reproduces: the step before Table 15 of the paper, ConvNeXt V1.
Command:    mim train mmpretrain \
                configs/imagenet/convnext-xlarge_64xb64-90e_in22k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   87.0 at 224 and 87.8 at 384 pixels, top-1 after fine-tuning on
            ImageNet-1K (Table 15).
Weights:    none, it starts at random.
Values:     V1's released commands, but for mixed precision: rate 4e-3, drop
            path 0.2, 90 epochs, an ordinary start of the head.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet22k_224.py',
    '../_base_/schedules/imagenet22k_finetune.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(
        arch='xlarge',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.2,
    ),
    head=dict(num_classes=21841, in_channels=2048, init_cfg=dict(std=0.02)),
)
lr = 4e-3
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=1.0), optimizer=dict(lr=lr)
)
train_dataloader = dict(batch_size=64)
param_scheduler = _base_.param_scheduler
param_scheduler[1]['eta_min_ratio'] = 1e-6 / lr
