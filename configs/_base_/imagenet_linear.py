"""Linear evaluation on ImageNet-1K after MMPretrain's recipe for MAE.

Frozen backbone, features averaged over positions, BatchNorm without affine
parameters, and a linear layer; LARS with learning rate 0.1 x batch size / 256,
90 epochs with 10 of warm-up, crops and flips only. FCMAE weights have no final
norm, so there is none before BatchNorm, whose statistics see the images of one
GPU: a smaller batch per GPU changes them.
"""

_base_ = (
    'mmpretrain::mae/benchmarks/vit-base-p16_8xb2048-linear-coslr-90e_in1k.py'
)

custom_imports = dict(
    imports=['mmpretrain_plugin'], allow_failed_imports=False
)
runner_type = 'CheckedRunner'
default_hooks = dict(input_check=dict(type='InputCheckHook'))
model = dict(
    backbone=dict(
        _delete_=True,
        type='ConvNeXtV2',
        arch='base',
        frozen_stages=4,
        final_norm=False,
    ),
    neck=dict(input_features=1024),
    head=dict(type='LinearClsHead', in_channels=1024),
)
# The inherited value is that of another schedule.
auto_scale_lr = dict(base_batch_size=8 * 2048)
