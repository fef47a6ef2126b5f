"""Mask R-CNN with ConvNeXt V2-Atto on COCO.

Reproduces: nothing in the paper, which has base, large and huge: the same
            recipe for this size.
Expected:   unknown.
Weights:    convnext-v2-atto_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     section A.3, which sweeps layer decay over 0.9 and 0.95 and drop
            path over 0.2 to 0.5 without stating the best: 0.95 and 0.2 are our
            choice.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-atto_3rdparty-fcmae_in1k_20230104-07514db4.pth'
model = dict(
    backbone=dict(
        arch='atto',
        drop_path_rate=0.2,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[40, 80, 160, 320]),
)
