"""Fine-tuning on ImageNet-1K after ImageNet-22K (paper, Table 13).

Batch size 512, no warm-up, almost no weight decay. The configs disable mixup
and CutMix.
"""

_base_ = './imagenet_adamw.py'

lr = 2.5e-5 * 512 / 256
max_epochs = 30
optim_wrapper = dict(
    optimizer=dict(lr=lr, weight_decay=1e-8),
)
auto_scale_lr = dict(base_batch_size=512)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        begin=0,
        eta_min_ratio=1e-6 / lr,
        convert_to_iter_based=True,
    ),
]
