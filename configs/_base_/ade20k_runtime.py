"""Runtime of training on ADE20K; inputs are checked before a run."""

_base_ = 'mmseg::_base_/default_runtime.py'

runner_type = 'CheckedRunner'  # ignored by MMSegmentation's test tool

default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    checkpoint=dict(
        type='CheckpointHook',
        by_epoch=False,
        interval=16000,
        save_best='mIoU',
        max_keep_ckpts=2,
    ),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    visualization=dict(type='SegVisualizationHook'),  # for --show-dir
)
