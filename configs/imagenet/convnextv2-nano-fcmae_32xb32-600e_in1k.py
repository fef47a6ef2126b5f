"""Fine-tuning of ConvNeXt V2-Nano on ImageNet-1K after FCMAE.

Reproduces: Table 14 of the paper, ConvNeXt V2-N, FCMAE.
Command:    mim train mmpretrain \
                configs/imagenet/convnextv2-nano-fcmae_32xb32-600e_in1k.py \
                --launcher slurm --gpus 32 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   32 GPUs x 32 images = 1024. One node of 8:
            --launcher pytorch --gpus 8 --cfg-options
            optim_wrapper.accumulative_counts=4 custom_hooks.0.interval=4
Expected:   81.9 top-1.
Weights:    the authors' pre-trained weights, in the host's conversion
            (convnext-v2-nano_3rdparty-fcmae_in1k); licence CC-BY-NC 4.0. Of
            your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     Table 9; random erasing 0.25, the end of the cosine and mixed
            precision from the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune_600e.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-nano_3rdparty-fcmae_in1k_20230104-3dd1f29e.pth'
model = dict(
    backbone=dict(
        arch='nano',
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    head=dict(in_channels=640, loss=dict(label_smooth_val=0.2)),
    train_cfg=dict(
        augments=[
            dict(type='Mixup', alpha=0.5),
            dict(type='CutMix', alpha=0.5),
        ]
    ),
)
