"""Mask R-CNN with ConvNeXt V2-Base on COCO, initialized by supervised training.

Reproduces: Table 6 of the paper, ConvNeXt V2-B, supervised.
Expected:   51.0 box AP, 45.6 mask AP on val2017 (Table 6).
Weights:    not released; train convnextv2-base_64xb64-300e_in1k first.
Values:     section A.3, which sweeps layer decay over 0.9 and 0.95 and drop
            path over 0.2 to 0.5 without stating the best: 0.95 and 0.4 are our
            choice.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'work_dirs/convnextv2-base_64xb64-300e_in1k/epoch_300.pth'
model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.4,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
