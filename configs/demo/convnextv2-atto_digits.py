"""Supervised training of ConvNeXt V2-Atto on digits cut out of scenes.

Reproduces: nothing in the paper. tools/run_study.py compares features of
            supervised training with those of FCMAE.
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Expected:   unknown.
Weights:    none; randomly initialized.
Values:     chosen for small images and a run of minutes: images of 64x64,
            batch size 32, crop scale (0.6, 1), no flip (digits are not
            symmetric), 14 epochs, and PyTorch's default initialization. AdamW,
            its betas and weight decay are those of Table 9.
"""

_base_ = [
    '../_base_/datasets/digits_crops.py',
    '../_base_/imagenet_runtime.py',
]

custom_imports = dict(
    imports=['mmpretrain_plugin'], allow_failed_imports=False
)
max_epochs = 14
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ConvNeXtV2', arch='atto', init_cfg=None),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=320,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1),
    ),
)
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=1.0),
    optimizer=dict(
        type='AdamW',
        lr=1e-3,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,
    ),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-3, end=1, convert_to_iter_based=True
    ),
    dict(
        type='CosineAnnealingLR',
        begin=1,
        end=max_epochs,
        T_max=max_epochs - 1,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    logger=dict(interval=20),
    # Without a validation there is no best checkpoint.
    checkpoint=dict(interval=max_epochs, save_best=None),
)
randomness = dict(seed=0)
