"""Demo: UperNet with ConvNeXt V2-Atto on digit scenes, from scratch.

Reproduces: nothing in the paper. `make demo` compares it with
            upernet_convnextv2-atto-fcmae_digits.
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Expected:   lower mIoU than upernet_convnextv2-atto-fcmae_digits.
Measured:   43.3 mIoU, 45.0 multi-scale (one run of `make demo`, 2026-11-27, 2
            cores, torch 2.11).
Weights:    none; randomly initialized.
Values:     chosen for small images and a run of minutes: narrow heads with
            BN, images of 64x64, batch size 16, class weights, a learning rate
            of 1e-2, photometric distortion, and PyTorch's default
            initialization, as the standard deviation of the other recipes,
            0.02, is small for such narrow layers (docs/evidence.md has what
            was compared). From section A.4: AdamW, its weight decay, the
            ratios of the multi-scale test. No layer decay.
"""

_base_ = [
    '../_base_/models/upernet_convnextv2.py',
    '../_base_/datasets/digits_semantic.py',
    'mmseg::_base_/default_runtime.py',
]

runner_type = 'CheckedRunner'
max_iters = 800
heads = dict(
    channels=64,
    num_classes=11,
    norm_cfg=dict(type='BN'),  # SyncBN needs a GPU
    # Most pixels are background, which a short run would predict everywhere.
    loss_decode=dict(class_weight=[0.1] + [1.0] * 10),
)
model = dict(
    data_preprocessor=dict(size={{_base_.scale}}),
    backbone=dict(arch='atto', init_cfg=None),
    decode_head=dict(in_channels=[40, 80, 160, 320], **heads),
    auxiliary_head=dict(in_channels=160, **heads),
)

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=1.0),
    optimizer=dict(
        type='AdamW',
        lr=1e-2,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,
    ),
)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, end=50),
    dict(type='PolyLR', power=1.0, begin=50, end=max_iters, by_epoch=False),
]
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=max_iters),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
randomness = dict(seed=0)
