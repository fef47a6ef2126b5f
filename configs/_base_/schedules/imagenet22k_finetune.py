"""Intermediate fine-tuning on ImageNet-22K (paper, Table 12).

Batch 4096, 90 epochs of which 5 are warm-up, no average of the weights.
"""

_base_ = './imagenet_finetune.py'

lr = 2.5e-4 * 4096 / 256
optim_wrapper = dict(optimizer=dict(lr=lr))
auto_scale_lr = dict(base_batch_size=4096)
train_cfg = dict(max_epochs=90)
val_cfg = None
test_cfg = None
param_scheduler = _base_.param_scheduler
param_scheduler[0]['end'] = param_scheduler[1]['begin'] = 5
param_scheduler[1]['eta_min_ratio'] = 1e-6 / lr
custom_hooks = []
