"""36 epochs of Mask R-CNN at batch 32 (paper, A.3).

The paper: AdamW, rate 1e-4, weight decay 0.05, layer-wise decay. Not in the
paper, and taken from an independent run of base that reached its numbers:
1000 iterations of warm-up, steps at epochs 27 and 33, mixed precision.
"""

optim_wrapper = dict(
    type='AmpOptimWrapper',
    accumulative_counts=1,
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.95, decay_type='layer'),
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
)
auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=36, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, end=1000),
    dict(type='MultiStepLR', milestones=[27, 33], gamma=0.1),
]
