"""ConvNeXt V2-Nano on ImageNet-1K at 224 pixels after ImageNet-22K.

Reproduces: Table 15 of the paper, ConvNeXt V2-N, 224x224.
Command:    mim train mmpretrain \
                configs/imagenet/convnextv2-nano-fcmae-in22k_16xb32-90e_in1k.py \
                --launcher slurm --gpus 16 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   16 GPUs x 32 images = 512. One node of 8:
            --launcher pytorch --gpus 8 --cfg-options
            optim_wrapper.accumulative_counts=2 custom_hooks.0.interval=2
Expected:   82.1 top-1.
Weights:    none are released; train convnextv2-nano-fcmae_64xb64-90e_in22k
            first. What comes out is released:
            convnext-v2-nano_fcmae-in21k-pre_3rdparty_in1k of mmpretrain,
            licence CC-BY-NC 4.0.
Values:     Table 13; random erasing 0.25, the end of the cosine and mixed
            precision from the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_after_22k.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'work_dirs/convnextv2-nano-fcmae_64xb64-90e_in22k/epoch_90.pth'
model = dict(
    backbone=dict(
        arch='nano',
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    head=dict(in_channels=640),
    train_cfg=None,
)
train_cfg = dict(max_epochs=90)
