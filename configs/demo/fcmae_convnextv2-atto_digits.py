"""Demo: FCMAE pre-training of ConvNeXt V2-Atto on digit scenes.

Reproduces: nothing of the paper; it is the first training of `make demo`.
Command:    mim train mmpretrain \
                configs/demo/fcmae_convnextv2-atto_digits.py \
                --work-dir work_dirs/demo/fcmae
Hardware:   two CPU cores, about 4 minutes.
Expected:   a loss that falls from 1.0, the cost of predicting the mean of
            every patch.
Measured:   a loss of 0.77 at the end; 2:52 minutes (one run of `make demo`,
            2026-11-21, 2 cores, torch 2.11).
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Weights:    none, it starts at random.
Values:     Table 8, but for what suits small pictures and minutes: pictures
            of 160, batch 32, crops of 0.4 to 1 and no flip (digits), a
            decoder of width 256, a higher rate, 6 epochs.
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/digits_unlabelled.py',
    '../_base_/schedules/fcmae_adamw.py',
    '../_base_/fcmae_runtime.py',
]

max_epochs = 6
model = dict(
    backbone=dict(arch='atto'),
    neck=dict(in_channels=320, embed_dim=256),
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-3, end=2, convert_to_iter_based=True
    ),
    dict(
        type='CosineAnnealingLR',
        begin=2,
        end=max_epochs,
        T_max=max_epochs - 2,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(interval=max_epochs),
)
