"""Fine-tuning on ImageNet-1K after ImageNet-22K (paper, Table 13).

Batch 512, no warm-up, almost no weight decay; mixup and cutmix are
off in the leaves.
"""

_base_ = './imagenet_finetune.py'

lr = 2.5e-5 * 512 / 256
optim_wrapper = dict(optimizer=dict(lr=lr, weight_decay=1e-8))
auto_scale_lr = dict(base_batch_size=512)
train_cfg = dict(max_epochs=30)
param_scheduler = _base_.param_scheduler[1:]
param_scheduler[0]['begin'] = 0
param_scheduler[0]['eta_min_ratio'] = 1e-6 / lr
