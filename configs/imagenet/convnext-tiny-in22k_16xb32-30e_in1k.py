"""ConvNeXt V1-Tiny on ImageNet-1K at 224 pixels after ImageNet-22K.

Reproduces: Table 15 of the paper, ConvNeXt V1-T, 224x224.
Expected:   82.9 top-1.
Weights:    not released; train convnext-tiny_64xb64-90e_in22k first. The
            result of the authors is released as
            convnext-tiny_in21k-pre_3rdparty_in1k; license MIT.
Values:     those of ConvNeXt V1's released commands, except for mixed
            precision: learning rate 5e-5, group-wise decay 0.8, drop path 0.0,
            no EMA. The values for tiny are those of the V1 paper.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_after_22k.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'work_dirs/convnext-tiny_64xb64-90e_in22k/epoch_90.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.0,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=768),
    train_cfg=None,
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.8, decay_type='group')
)
custom_hooks = []
