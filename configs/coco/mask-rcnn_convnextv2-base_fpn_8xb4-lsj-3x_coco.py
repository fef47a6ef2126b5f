"""Mask R-CNN with ConvNeXt V2-Base on COCO, supervised start.

Reproduces: Table 6 of the paper, ConvNeXt V2-B, supervised.
Command:    mim train mmdet \
                configs/coco/mask-rcnn_convnextv2-base_fpn_8xb4-lsj-3x_coco.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 4 images = 32; an independent run of base took 22.5 GB on
            each.
Expected:   51.0 box AP, 45.6 mask AP on val2017 (Table 6).
Weights:    none are released; train convnextv2-base_64xb64-300e_in1k first
Values:     A.3 of the paper. It sweeps layer decay over 0.9, 0.95 and drop
            path over 0.2 to 0.5 and does not say what it took; here 0.95 and
            0.4, a choice.
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
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
