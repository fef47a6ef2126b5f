"""Optimizer, loops and EMA of training on ImageNet (paper, Tables 9 to 13).

Each schedule that inherits from this file sets the learning rate, the number
of epochs and the complete ``param_scheduler``. Mixed precision is used in the
released commands; the paper does not mention it.
"""

optim_wrapper = dict(
    type='AmpOptimWrapper',
    accumulative_counts=1,
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, decay_type='layer'),
    optimizer=dict(
        type='AdamW', betas=(0.9, 0.999), weight_decay=0.05, fused=True
    ),
)
train_cfg = dict(type='EpochBasedTrainLoop', val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# The hook counts iterations: with gradient accumulation, set its interval to
# accumulative_counts.
custom_hooks = [dict(type='EMAHook', momentum=1e-4, priority='ABOVE_NORMAL')]
