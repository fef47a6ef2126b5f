"""Define the runtime of pre-training, with input checks before a run."""

_base_ = 'mmpretrain::_base_/default_runtime.py'

runner_type = 'CheckedRunner'
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=2),
)
# Each process samples its own masks and crops.
randomness = dict(seed=0, diff_rank_seed=True)
