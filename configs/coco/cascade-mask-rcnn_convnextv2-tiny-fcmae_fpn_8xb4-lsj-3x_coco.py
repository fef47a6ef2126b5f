"""Cascade Mask R-CNN with ConvNeXt V2-Tiny on COCO.

Reproduces: nothing in the paper, which has no cascade.
Expected:   unknown.
Weights:    convnext-v2-tiny_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     those of mask-rcnn_convnextv2-tiny-fcmae_fpn_8xb4-lsj-3x_coco;
            the heads are those of MMDetection's Cascade Mask R-CNN.
"""

_base_ = [
    '../_base_/models/cascade-mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_3rdparty-fcmae_in1k_20230104-80513adc.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        drop_path_rate=0.3,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
