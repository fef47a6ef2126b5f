"""Cascade Mask R-CNN with FPN, based on MMDetection's config.

Backbone, soft-NMS and padding are those of Mask R-CNN here
(mask-rcnn_convnextv2_fpn_lsj.py). The paper has no cascade.
"""

_base_ = 'mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py'

custom_imports = dict(imports=['mmdet_plugin'], allow_failed_imports=False)
model = dict(
    data_preprocessor=dict(
        batch_augments=[
            dict(type='BatchFixedSizePad', size=(1024, 1024), pad_mask=True)
        ]
    ),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ConvNeXtV2',
        arch='base',
        out_indices=(0, 1, 2, 3),
        gap_before_final_norm=False,
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
    test_cfg=dict(
        rcnn=dict(nms=dict(type='soft_nms', iou_threshold=0.5, split_thr=2500))
    ),
)
