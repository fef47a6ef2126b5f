"""Intermediate fine-tuning on ImageNet-22K (paper, Table 12).

Batch size 4096, 90 epochs with 5 of warm-up, no EMA and no validation.
"""

_base_ = './imagenet_adamw.py'

lr = 2.5e-4 * 4096 / 256
max_epochs = 90
warmup_epochs = 5
optim_wrapper = dict(
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
