"""Mask R-CNN with ConvNeXt V2-Base on COCO.

Reproduces: Table 6 of the paper, ConvNeXt V2-B, FCMAE.
Expected:   52.9 box AP, 46.6 mask AP on val2017 (Table 6).
Weights:    convnext-v2-base_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     section A.3, which sweeps layer decay over 0.9 and 0.95 and drop
            path over 0.2 to 0.5 without stating the best: 0.95 and 0.4 as in
            an independent run that reached 52.9 box AP and 46.4 mask AP.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn_lsj.py',
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
