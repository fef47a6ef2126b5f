"""Mask R-CNN with ConvNeXt V2-Large on COCO.

Reproduces: Table 6 of the paper, ConvNeXt V2-L, FCMAE.
Expected:   54.4 box AP, 47.7 mask AP on val2017 (Table 6).
Weights:    convnext-v2-large_3rdparty-fcmae_in1k, the release of the authors
            converted by OpenMMLab; license CC-BY-NC 4.0.
Values:     section A.3, which sweeps layer decay over 0.9 and 0.95 and drop
            path over 0.2 to 0.5 without stating the best: 0.95 and 0.5 are our
            choice.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-large_3rdparty-fcmae_in1k_20230104-bf38df92.pth'
model = dict(
    backbone=dict(
        arch='large',
        drop_path_rate=0.5,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)
