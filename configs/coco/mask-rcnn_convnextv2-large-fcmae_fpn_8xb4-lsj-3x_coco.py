"""Mask R-CNN with ConvNeXt V2-Large on COCO.

Reproduces: Table 6 of the paper, ConvNeXt V2-L, FCMAE.
Command:    mim train mmdet \
                configs/coco/mask-rcnn_convnextv2-large-fcmae_fpn_8xb4-lsj-3x_coco.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 4 images = 32.
Expected:   54.4 box AP, 47.7 mask AP on val2017 (Table 6).
Weights:    the authors' pre-trained weights, in the host's conversion
            (convnext-v2-large_3rdparty-fcmae_in1k); licence CC-BY-NC 4.0. Of
            your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
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

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-large_3rdparty-fcmae_in1k_20230104-bf38df92.pth'
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
