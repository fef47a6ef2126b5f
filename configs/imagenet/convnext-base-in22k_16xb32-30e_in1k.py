"""ConvNeXt V1-Base on ImageNet-1K at 224 pixels after ImageNet-22K.

Reproduces: Table 15 of the paper, ConvNeXt V1-B, 224x224.
Expected:   85.8 top-1.
Weights:    convnext-base_3rdparty_in21k, the release of the authors converted
            by OpenMMLab; license MIT. The result of the authors is released as
            convnext-base_in21k-pre_3rdparty_in1k; license MIT.
Values:     those of ConvNeXt V1's released commands, except for mixed
            precision: learning rate 5e-5, group-wise decay 0.8, drop path 0.2,
            no EMA.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
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
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=1024),
    train_cfg=None,
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.8, decay_type='group')
)
custom_hooks = []
