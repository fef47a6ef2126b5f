"""Demo: Mask R-CNN with ConvNeXt V2-Atto on digit scenes, initialized by FCMAE.

Reproduces: nothing in the paper. `make demo` compares it with
            mask-rcnn_convnextv2-atto_digits.
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Expected:   higher AP than mask-rcnn_convnextv2-atto_digits; see
            work_dirs/demo/report.html.
Measured:   5.3 box AP, 6.6 mask AP (one run of `make demo`, 2026-11-21, 2
            cores, torch 2.11; results vary by several points between runs).
Weights:    the checkpoint of fcmae_convnextv2-atto_digits, which must run
            first with --work-dir work_dirs/demo/fcmae.
Values:     those of mask-rcnn_convnextv2-atto_digits, which is randomly
            initialized.
"""

_base_ = './mask-rcnn_convnextv2-atto_digits.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/demo/fcmae/epoch_6.pth',
        )
    )
)
