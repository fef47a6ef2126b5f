"""ConvNeXt V1-Base on ImageNet-1K at 384 pixels after ImageNet-22K.

Reproduces: Table 15 of the paper, ConvNeXt V1-B, 384x384.
Command:    mim train mmpretrain \
                configs/imagenet/convnext-base-in22k_16xb32-30e_in1k-384px.py \
                --launcher slurm --gpus 16 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   16 GPUs x 32 images = 512. One node of 8:
            --launcher pytorch --gpus 8 --cfg-options
            optim_wrapper.accumulative_counts=2
Expected:   86.8 top-1.
Weights:    V1's authors', in the host's conversion
            (convnext-base_3rdparty_in21k); licence MIT. Of your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     V1's released commands, but for mixed precision: rate 5e-5,
            group-wise decay 0.8, drop path 0.2, no average of the weights.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_384.py',
    '../_base_/schedules/imagenet_after_22k.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext/convnext-base_3rdparty_in21k_20220124-13b83eec.pth'
model = dict(
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.2,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    head=dict(in_channels=1024),
    train_cfg=None,
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.8, decay_type='group')
)
custom_hooks = []
