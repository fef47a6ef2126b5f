"""ConvNeXt V2-Huge on ImageNet-1K at 512 pixels after ImageNet-22K.

Reproduces: Table 15 of the paper, ConvNeXt V2-H, 512x512.
Command:    mim train mmpretrain \
                configs/imagenet/convnextv2-huge-fcmae-in22k_16xb32-30e_in1k-512px.py \
                --launcher slurm --gpus 16 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   16 GPUs x 32 images = 512. One node of 8:
            --launcher pytorch --gpus 8 --cfg-options
            optim_wrapper.accumulative_counts=2
Expected:   88.9 top-1.
Weights:    none are released; train
            convnextv2-huge-fcmae_64xb64-90e_in22k-384px first. What comes out
            is released: convnext-v2-huge_fcmae-in21k-pre_3rdparty_in1k-512px
            of mmpretrain, licence CC-BY-NC 4.0.
Values:     Table 13; random erasing 0.25, the end of the cosine and mixed
            precision from the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_512.py',
    '../_base_/schedules/imagenet_after_22k.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = (
    'work_dirs/convnextv2-huge-fcmae_64xb64-90e_in22k-384px/epoch_90.pth'
)
model = dict(
    backbone=dict(
        arch='huge',
        drop_path_rate=0.5,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    head=dict(in_channels=2816),
    train_cfg=None,
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.85))
custom_hooks = []
