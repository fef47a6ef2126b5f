"""Cascade Mask R-CNN with ConvNeXt V2-Base on COCO.

Reproduces: nothing in the paper, which has no cascade.
Expected:   unknown.
Weights:    convnext-v2-base_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     those of mask-rcnn_convnextv2-base-fcmae_fpn_8xb4-lsj-3x_coco;
            the heads are those of MMDetection's Cascade Mask R-CNN.
"""

_base_ = [
    '../_base_/models/cascade-mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-base_3rdparty-fcmae_in1k_20230104-8a798eaf.pth'
model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.4,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
