"""How pre-training runs: inputs are checked, a checkpoint now and then."""

_base_ = 'mmpretrain::_base_/default_runtime.py'

runner_type = 'CheckedRunner'
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=2),
)
# A different stream of masks and crops on every process.
randomness = dict(seed=0, diff_rank_seed=True)
