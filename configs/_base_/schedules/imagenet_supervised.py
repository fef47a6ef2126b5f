"""Supervised training on ImageNet-1K from random weights, the baselines.

The paper takes V1's numbers from its authors and does not say how it trained
V2 without pre-training: these are the settings of ConvNeXt V1 (batch 4096,
rate 4e-3, 300 epochs of which 20 are warm-up, no layer decay), but for mixed
precision, which V1's commands offer and do not use.
"""

_base_ = './imagenet_finetune.py'

lr = 4e-3
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=1.0), optimizer=dict(lr=lr)
)
auto_scale_lr = dict(base_batch_size=4096)
train_cfg = dict(max_epochs=300)
param_scheduler = _base_.param_scheduler
param_scheduler[1]['eta_min_ratio'] = 1e-6 / lr
