"""Runtime of training on your own images and masks.

A validation each epoch keeps the checkpoint with the best mIoU beside the last
two; TensorBoard shows losses and mIoU.
"""

_base_ = 'mmseg::_base_/default_runtime.py'

runner_type = 'CustomDataRunner'  # ignored by MMSegmentation's test tool
test_cfg = dict(type='CheckedTestLoop')
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', max_keep_ckpts=2, save_best='mIoU'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
log_processor = dict(by_epoch=True)
visualizer = dict(
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
    ]
)
