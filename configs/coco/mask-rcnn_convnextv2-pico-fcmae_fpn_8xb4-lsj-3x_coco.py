"""Mask R-CNN with ConvNeXt V2-Pico on COCO.

Reproduces: nothing of the paper, which has base, large and huge; its recipe
            for this size.
Command:    mim train mmdet \
                configs/coco/mask-rcnn_convnextv2-pico-fcmae_fpn_8xb4-lsj-3x_coco.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 4 images = 32.
Expected:   unknown.
Weights:    the authors' pre-trained weights, in the host's conversion
            (convnext-v2-pico_3rdparty-fcmae_in1k); licence CC-BY-NC 4.0. Of
            your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     A.3 of the paper. It sweeps layer decay over 0.9, 0.95 and drop
            path over 0.2 to 0.5 and does not say what it took; here 0.95 and
            0.2, a choice.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-pico_3rdparty-fcmae_in1k_20230104-147b1b59.pth'
model = dict(
    backbone=dict(
        arch='pico',
        drop_path_rate=0.2,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
)
