"""Runtime of training on your own COCO-format data.

A validation each epoch keeps the checkpoint with the best mask AP beside the
last two; TensorBoard shows losses and AP.
"""

_base_ = 'mmdet::_base_/default_runtime.py'

runner_type = 'CustomDataRunner'
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    logger=dict(interval=10),
    checkpoint=dict(max_keep_ckpts=2, save_best='coco/segm_mAP'),
)
visualizer = dict(
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
    ]
)
