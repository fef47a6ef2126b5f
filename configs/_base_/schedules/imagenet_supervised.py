"""Supervised training on ImageNet-1K from random weights (the baselines).

The paper takes V1's results from its authors and does not state how V2 was
trained without pre-training. These are the settings of ConvNeXt V1: batch size
4096, learning rate 4e-3, 300 epochs with 20 of warm-up, no layer decay. Only
mixed precision differs: V1's commands offer it and do not use it.
"""

_base_ = './imagenet_adamw.py'

lr = 4e-3
max_epochs = 300
warmup_epochs = 20
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=1.0),
    optimizer=dict(lr=lr),
)
auto_scale_lr = dict(base_batch_size=4096)
train_cfg = dict(max_epochs=max_epochs)
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
