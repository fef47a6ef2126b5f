"""160K iterations of UperNet with a batch size of 16 (paper, A.4).

The paper states AdamW, a weight decay of 0.05 and layer-wise decay. It does
not state the rest, which follows ConvNeXt V1: 1500 iterations of warm-up,
linear decay to 0, mixed precision.
"""

max_iters = 160000
warmup_iters = 1500
optim_wrapper = dict(
    type='AmpOptimWrapper',
    accumulative_counts=1,
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, decay_type='layer'),
    optimizer=dict(
        type='AdamW',
        lr=1e-4,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,
    ),
)
auto_scale_lr = dict(base_batch_size=16)
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=16000
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='CheckedTestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, end=warmup_iters),
    dict(
        type='PolyLR',
        power=1.0,
        begin=warmup_iters,
        end=max_iters,
        by_epoch=False,
    ),
]
