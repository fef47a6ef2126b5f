"""ConvNeXt V2-Huge on ImageNet-1K at 384 pixels after ImageNet-22K.

Reproduces: Table 15 of the paper, ConvNeXt V2-H, 384x384.
Expected:   88.7 top-1.
Weights:    not released; train convnextv2-huge-fcmae_64xb64-90e_in22k-384px
            first. The result of the authors is released as
            convnext-v2-huge_fcmae-in21k-pre_3rdparty_in1k-384px; license
            CC-BY-NC 4.0.
Values:     Table 13. Random erasing 0.25, the end of the cosine schedule and
            mixed precision follow the released code. Section 5 uses 384x384
            images for pre-training and fine-tuning in the ImageNet-22K
            results: the intermediate fine-tuning runs at 384x384, and
            fcmae_convnextv2-huge_64xb64-1600e_in1k-384px pre-trains at it.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_384.py',
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
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    head=dict(in_channels=2816),
    train_cfg=None,
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.85))
custom_hooks = []
