"""Mask R-CNN with FPN (paper, A.3), based on MMDetection's config.

The paper tests with soft-NMS and does not state where. It is used in the R-CNN
head, with hard NMS in the RPN, as in an independent run that reached the
paper's 52.9 box AP.
"""

_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

custom_imports = dict(imports=['mmdet_plugin'], allow_failed_imports=False)
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ConvNeXtV2',
        arch='base',
        out_indices=(0, 1, 2, 3),
        gap_before_final_norm=False,
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
    test_cfg=dict(
        rcnn=dict(
            # Up to 2500 boxes one call for all classes is faster, above one
            # call per class (benchmarks/soft_nms.py).
            nms=dict(type='soft_nms', iou_threshold=0.5, split_thr=2500)
        )
    ),
)
