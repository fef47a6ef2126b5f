"""Demo: Mask R-CNN with ConvNeXt V2-Atto on digit scenes, initialized by FCMAE.

Reproduces: nothing in the paper. `make demo` compares it with
            mask-rcnn_convnextv2-atto_digits.
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Expected:   higher AP than mask-rcnn_convnextv2-atto_digits; see
            work_dirs/demo/report.html.
Measured:   42.3 box AP, 37.8 mask AP (one run of `make demo`, 2026-11-27, 2
            cores, torch 2.11).
Weights:    the checkpoint of fcmae_convnextv2-atto_digits, which must run
            first with --work-dir work_dirs/demo/fcmae.
Values:     those of mask-rcnn_convnextv2-atto_digits, which is randomly
            initialized. No layer decay: with 0.95 (section A.3) one run, with
            more labels, had a lower AP on the validation split.
"""

_base_ = './mask-rcnn_convnextv2-atto_digits.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint='work_dirs/demo/fcmae/epoch_8.pth',
        )
    )
)
