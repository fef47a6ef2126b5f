"""Demo: UperNet on digit scenes, starting from FCMAE weights.

Command:    mim train mmseg \
                configs/demo/upernet_convnextv2-atto-fcmae_digits.py
Before:     the command of fcmae_convnextv2-atto_digits.py, which writes the
            checkpoint.
Hardware:   two CPU cores, about 2 minutes.
Expected:   about what scratch reaches, see work_dirs/demo/report.html.
Measured:   9.6 mIoU, 9.7 multi-scale (one run of `make demo`, 2026-11-21, 2
            cores, torch 2.11; runs differ by points).
Weights:    the demo's own, from its pre-training.
Values:     those of the leaf without `-fcmae`, which starts at random; the
            checkpoint is what the demo's pre-training writes.
"""

_base_ = './upernet_convnextv2-atto_digits.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/demo/fcmae/epoch_6.pth',
            prefix='backbone.',
        )
    )
)
