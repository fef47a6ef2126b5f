"""Demo: UperNet with ConvNeXt V2-Atto on digit scenes, initialized by FCMAE.

Reproduces: nothing in the paper. `make demo` compares it with
            upernet_convnextv2-atto_digits.
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Expected:   higher mIoU than upernet_convnextv2-atto_digits; see
            work_dirs/demo/report.html.
Measured:   46.1 mIoU, 47.3 multi-scale (one run of `make demo`, 2026-11-27, 2
            cores, torch 2.11).
Weights:    the checkpoint of fcmae_convnextv2-atto_digits, which must run
            first with --work-dir work_dirs/demo/fcmae.
Values:     those of upernet_convnextv2-atto_digits, which is randomly
            initialized. No layer decay (section A.4 has 0.8 or 0.9), so that
            both start with the same learning rates.
"""

_base_ = './upernet_convnextv2-atto_digits.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint='work_dirs/demo/fcmae/epoch_8.pth',
        )
    )
)
