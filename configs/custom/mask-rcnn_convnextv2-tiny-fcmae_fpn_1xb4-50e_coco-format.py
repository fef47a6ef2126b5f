"""Mask R-CNN with ConvNeXt V2-Tiny on your own data in COCO's format.

Reproduces: nothing in the paper.
Data:       a folder with annotations in COCO's format: --cfg-options
            data_root=/my/data (docs/custom_data.md has the layouts). Classes
            are read from it.
Expected:   unknown.
Weights:    convnext-v2-tiny_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     section A.3 for what _base_/schedules/custom_50e.py says; drop path
            0.2, the smallest in its sweep. No value was tuned.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn.py',
    '../_base_/datasets/custom_coco.py',
    '../_base_/schedules/custom_50e.py',
    '../_base_/custom_coco_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_3rdparty-fcmae_in1k_20230104-80513adc.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        drop_path_rate=0.2,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
