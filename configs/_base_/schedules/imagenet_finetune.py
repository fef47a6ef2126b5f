"""Fine-tuning on ImageNet-1K (paper, Tables 9 to 11); here as base and large.

AdamW, cosine and an average of the weights (EMA) with 0.9999 hold for all
sizes; the leaves change rates, decays and epochs. The released code ends at a
rate of 1e-6, times the layer's decay like every rate: hence a ratio.
"""

lr = 6.25e-4 * 1024 / 256

# lr = base lr x batch / 256, written for the paper's batch of 1024. Mixed
# precision is in the released commands; the paper is silent.
optim_wrapper = dict(
    type='AmpOptimWrapper',
    accumulative_counts=1,
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, decay_type='layer'),
    optimizer=dict(
        type='AdamW',
        lr=lr,
        betas=(0.9, 0.999),
        weight_decay=0.05,
    ),
)
auto_scale_lr = dict(base_batch_size=1024)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        end=20,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=20,
        eta_min_ratio=1e-6 / lr,
        convert_to_iter_based=True,
    ),
]
# It counts iterations: with accumulation, set its interval to the same number.
custom_hooks = [dict(type='EMAHook', momentum=1e-4, priority='ABOVE_NORMAL')]
