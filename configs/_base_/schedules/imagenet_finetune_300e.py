"""Fine-tuning of tiny on ImageNet-1K (paper, Table 10)."""

_base_ = './imagenet_adamw.py'

lr = 8e-4 * 1024 / 256
max_epochs = 300
warmup_epochs = 40
optim_wrapper = dict(
    optimizer=dict(lr=lr),
)
auto_scale_lr = dict(base_batch_size=1024)
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
