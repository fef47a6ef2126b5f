"""Fine-tuning of atto, femto, pico and nano on ImageNet-1K (paper, Table 9).

Without warm-up.
"""

_base_ = './imagenet_adamw.py'

lr = 2e-4 * 1024 / 256
max_epochs = 600
optim_wrapper = dict(
    optimizer=dict(lr=lr, weight_decay=0.3),
)
auto_scale_lr = dict(base_batch_size=1024)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        begin=0,
        eta_min_ratio=1e-6 / lr,
        convert_to_iter_based=True,
    ),
]
