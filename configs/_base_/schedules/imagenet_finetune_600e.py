"""Fine-tuning of the four small sizes on ImageNet-1K (paper, Table 9)."""

_base_ = './imagenet_finetune.py'

lr = 2e-4 * 1024 / 256
optim_wrapper = dict(optimizer=dict(lr=lr, weight_decay=0.3))
train_cfg = dict(max_epochs=600)
param_scheduler = _base_.param_scheduler[1:]  # no warm-up
param_scheduler[0]['begin'] = 0
param_scheduler[0]['eta_min_ratio'] = 1e-6 / lr
