"""Mask R-CNN with ConvNeXt V2-Atto on COCO, one GPU.

Reproduces: nothing of the paper; its recipe with a third of the epochs.
Command:    mim train mmdet \
                configs/coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py
Hardware:   1 GPU x 4 images x 8 accumulated = 32, so the rate stays. If 2 fit:
            --cfg-options train_dataloader.batch_size=2
            optim_wrapper.accumulative_counts=16 param_scheduler.0.end=16000
Expected:   unknown.
Weights:    the authors' pre-trained weights, in the host's conversion
            (convnext-v2-atto_3rdparty-fcmae_in1k); licence CC-BY-NC 4.0. Of
            your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     A.3 of the paper. It sweeps layer decay over 0.9, 0.95 and drop
            path over 0.2 to 0.5 and does not say what it took; here 0.95 and
            0.2, a choice.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_1x_1gpu.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-atto_3rdparty-fcmae_in1k_20230104-07514db4.pth'
model = dict(
    backbone=dict(
        arch='atto',
        drop_path_rate=0.2,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    neck=dict(in_channels=[40, 80, 160, 320]),
)
