"""UperNet with ConvNeXt V2-Tiny on your own images and masks.

Reproduces: nothing in the paper.
Data:       a folder of images and masks: --cfg-options data_root=/my/data
            (docs/custom_data.md has the layouts). Classes are read from it.
Expected:   unknown.
Weights:    convnext-v2-tiny_fcmae-pre_3rdparty_in1k, the release of the
            authors converted by OpenMMLab; license CC-BY-NC 4.0. It was
            fine-tuned on ImageNet-1K, which section A.4 found better.
Values:     section A.4 for what _base_/schedules/custom_50e.py says; drop path
            0.1, the smallest in its sweep. BN in the heads in the place of
            SyncBN, which needs several GPUs. No value was tuned.
"""

_base_ = [
    '../_base_/models/upernet_convnextv2.py',
    '../_base_/datasets/custom_masks.py',
    '../_base_/schedules/custom_50e.py',
    '../_base_/custom_masks_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_fcmae-pre_3rdparty_in1k_20230104-471a86de.pth'
norm_cfg = dict(type='BN')
model = dict(
    data_preprocessor=dict(size={{_base_.crop_size}}),
    backbone=dict(
        arch='tiny',
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[96, 192, 384, 768], norm_cfg=norm_cfg),
    auxiliary_head=dict(in_channels=384, norm_cfg=norm_cfg),
)
