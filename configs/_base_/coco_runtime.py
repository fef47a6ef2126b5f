"""Runtime of training on COCO; inputs are checked before a run."""

_base_ = 'mmdet::_base_/default_runtime.py'

runner_type = 'CheckedRunner'
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    checkpoint=dict(max_keep_ckpts=2),
)
