"""COCO with large-scale jittering to 1024x1024 (paper, A.3).

A picture is resized to between 0.1 and 2.0 times what fits into 1024x1024 and
cropped at random to that size; smaller ones are padded to it by the model's
preprocessor (models/mask-rcnn_convnextv2_fpn_lsj.py). Boxes of cut objects are
those of what is left of their masks. All with the host's parts.
Test: the usual 1333x800, which the paper does not state.
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
    batch_sampler=None,  # it groups by aspect ratio, which is one here
    dataset=dict(pipeline=train_pipeline),
)
