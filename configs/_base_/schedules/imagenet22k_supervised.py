"""Supervised training of ConvNeXt V1 on ImageNet-22K from random weights.

The values of ConvNeXt V1's released commands, except for mixed precision.
"""

_base_ = './imagenet_adamw.py'

lr = 4e-3
max_epochs = 90
warmup_epochs = 5
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=1.0),
    optimizer=dict(lr=lr),
)
auto_scale_lr = dict(base_batch_size=4096)
train_cfg = dict(max_epochs=max_epochs)
val_cfg = None
test_cfg = None
custom_hooks = []
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        end=warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=warmup_epochs,
        eta_min_ratio=1e-6 / lr,
        convert_to_iter_based=True,
    ),
]
