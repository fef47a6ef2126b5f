"""Fine-tuning of ConvNeXt V1-Large on ImageNet-1K after FCMAE.

Reproduces: Table 14 of the paper, ConvNeXt V1-L, FCMAE.
Expected:   84.4 top-1.
Weights:    not released; train fcmae_convnext-large_64xb64-800e_in1k first.
Values:     Table 11, as for ConvNeXt V2 of this size; the paper does not state
            how it fine-tuned V1. Table 11 lists layer-wise decay; section A.2
            states group-wise decay for base and large, as here. Table 11
            prints a base learning rate of 6.25e-3; the released command and
            MMPretrain's configs use 6.25e-4, as here. Random erasing 0.25, the
            end of the cosine schedule and mixed precision follow the released
            code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'work_dirs/fcmae_convnext-large_64xb64-800e_in1k/epoch_800.pth'
model = dict(
    backbone=dict(
        arch='large',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.2,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=1536),
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.6, decay_type='group')
)
