"""Demo: Mask R-CNN with ConvNeXt V2-Atto on digit scenes, initialized by FCMAE.

Reproduces: nothing in the paper. `make demo` compares it with
            mask-rcnn_convnextv2-atto_digits.
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Expected:   about the AP of mask-rcnn_convnextv2-atto_digits; see
            work_dirs/demo/report.html.
Measured:   50.2 box AP, 44.2 mask AP (two runs of `make demo`, 2026-11-26, 2
            cores, torch 2.11).
Weights:    the checkpoint of fcmae_convnextv2-atto_digits, which must run
            first with --work-dir work_dirs/demo/fcmae.
Values:     those of mask-rcnn_convnextv2-atto_digits, which is randomly
            initialized. No layer decay: with 0.95 (section A.3) one run had a
            lower AP on the validation split.
"""

_base_ = './mask-rcnn_convnextv2-atto_digits.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/demo/fcmae/epoch_7.pth',
        )
    )
)
