"""Runtime of pre-training; inputs are checked before a run."""

_base_ = 'mmpretrain::_base_/default_runtime.py'

runner_type = 'CheckedRunner'
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=2),
)
# Different masks and crops in each process.
randomness = dict(seed=0, diff_rank_seed=True)
