"""ConvNeXt V1-Large on ImageNet-1K at 384 pixels after ImageNet-22K.

Reproduces: Table 15 of the paper, ConvNeXt V1-L, 384x384.
Expected:   87.5 top-1.
Weights:    convnext-large_3rdparty_in21k, the release of the authors converted
            by OpenMMLab; license MIT. The result of the authors is released as
            convnext-large_in21k-pre-3rdparty_in1k-384px; license MIT.
Values:     those of ConvNeXt V1's released commands, except for mixed
            precision: learning rate 5e-5, group-wise decay 0.8, drop path 0.3,
            no EMA.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_384.py',
    '../_base_/schedules/imagenet_after_22k.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext/convnext-large_3rdparty_in21k_20220124-41b5a79f.pth'
model = dict(
    backbone=dict(
        arch='large',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.3,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=1536),
    train_cfg=None,
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.8, decay_type='group')
)
custom_hooks = []
