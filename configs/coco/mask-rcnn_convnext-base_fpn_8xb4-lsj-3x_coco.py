"""Mask R-CNN with ConvNeXt V1-Base on COCO, initialized by supervised training.

Reproduces: Table 6 of the paper, ConvNeXt V1-B, supervised.
Expected:   50.3 box AP, 44.9 mask AP on val2017 (Table 6).
Weights:    convnext-base_3rdparty_32xb128_in1k, the release of the authors
            converted by OpenMMLab; license MIT.
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

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext/convnext-base_3rdparty_32xb128_in1k_20220124-d0915162.pth'
model = dict(
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.4,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
