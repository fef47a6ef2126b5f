"""Mask R-CNN with ConvNeXt V2-Large on COCO, supervised start.

Reproduces: Table 6 of the paper, ConvNeXt V2-L, supervised.
Command:    mim train mmdet \
                configs/coco/mask-rcnn_convnextv2-large_fpn_8xb4-lsj-3x_coco.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 4 images = 32.
Expected:   51.5 box AP, 45.8 mask AP on val2017 (Table 6).
Weights:    none are released; train convnextv2-large_64xb64-300e_in1k first
Values:     A.3 of the paper. It sweeps layer decay over 0.9, 0.95 and drop
            path over 0.2 to 0.5 and does not say what it took; here 0.95 and
            0.5, a choice.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'work_dirs/convnextv2-large_64xb64-300e_in1k/epoch_300.pth'
model = dict(
    backbone=dict(
        arch='large',
        drop_path_rate=0.5,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)
