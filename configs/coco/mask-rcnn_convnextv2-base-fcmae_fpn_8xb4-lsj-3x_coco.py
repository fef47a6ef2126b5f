"""Mask R-CNN with ConvNeXt V2-Base on COCO.

Reproduces: Table 6 of the paper, ConvNeXt V2-B, FCMAE.
Command:    mim train mmdet \
                configs/coco/mask-rcnn_convnextv2-base-fcmae_fpn_8xb4-lsj-3x_coco.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 4 images = 32; an independent run of base took 22.5 GB on
            each.
Expected:   52.9 box AP, 46.6 mask AP on val2017 (Table 6).
Weights:    the authors' pre-trained weights, in the host's conversion
            (convnext-v2-base_3rdparty-fcmae_in1k); licence CC-BY-NC 4.0. Of
            your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     A.3 of the paper. It sweeps layer decay over 0.9, 0.95 and drop
            path over 0.2 to 0.5 and does not say what it took; here 0.95 and
            0.4, as in an independent run that reached 52.9 box and 46.4 mask
            AP.
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
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
