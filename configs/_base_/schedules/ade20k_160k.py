"""160K iterations of UperNet at batch 16 (paper, A.4).

The paper: AdamW, weight decay 0.05, layer-wise decay. Not in the paper, and
as ConvNeXt V1 was trained: 1500 iterations of warm-up, linear decay to 0,
mixed precision.
"""

optim_wrapper = dict(
    type='AmpOptimWrapper',
    accumulative_counts=1,
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, decay_type='layer'),
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
)
auto_scale_lr = dict(base_batch_size=16)
max_iters = 160000
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=16000
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='CheckedTestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, end=1500),
    dict(type='PolyLR', power=1.0, begin=1500, end=max_iters, by_epoch=False),
]
