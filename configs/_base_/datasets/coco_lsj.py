"""COCO with large-scale jittering to 1024x1024 (paper, A.3).

An image is resized to 0.1 to 2.0 times the size that fits into 1024x1024 and
cropped at random to that size. The data preprocessor pads smaller images
(models/mask-rcnn_convnextv2_fpn_lsj.py). The boxes of cropped objects are
recomputed from their remaining masks. All transforms are MMDetection's.
The test size is the usual 1333x800; the paper does not state it.
"""

_base_ = 'mmdet::_base_/datasets/coco_instance.py'

image_size = (1024, 1024)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(
        type='RandomResize',
        scale=image_size,
        ratio_range=(0.1, 2.0),
        keep_ratio=True,
    ),
    dict(
        type='RandomCrop',
        crop_size=image_size,
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-2, 1e-2)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    batch_sampler=None,  # no grouping by aspect ratio: all are square
    dataset=dict(pipeline=train_pipeline),
)
