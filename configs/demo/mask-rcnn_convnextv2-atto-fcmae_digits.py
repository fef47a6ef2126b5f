"""Demo: Mask R-CNN on digit scenes, starting from FCMAE weights.

Command:    mim train mmdet \
                configs/demo/mask-rcnn_convnextv2-atto-fcmae_digits.py
Before:     the command of fcmae_convnextv2-atto_digits.py, which writes the
            checkpoint.
Hardware:   two CPU cores, about 2 minutes.
Expected:   more than from scratch, see work_dirs/demo/report.html.
Measured:   5.3 box AP, 6.6 mask AP (one run of `make demo`, 2026-11-21, 2
            cores, torch 2.11; runs differ by points).
Weights:    the demo's own, from its pre-training.
Values:     those of the leaf without `-fcmae`, which starts at random; the
            checkpoint is what the demo's pre-training writes.
"""

_base_ = './mask-rcnn_convnextv2-atto_digits.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/demo/fcmae/epoch_6.pth',
            prefix='backbone.',
        )
    )
)
