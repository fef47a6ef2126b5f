"""Runtime of training on ImageNet; inputs are checked before a run."""

_base_ = 'mmpretrain::_base_/default_runtime.py'

runner_type = 'CheckedRunner'
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    checkpoint=dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=2, save_best='auto'
    ),
    logger=dict(type='LoggerHook', interval=100),
)
