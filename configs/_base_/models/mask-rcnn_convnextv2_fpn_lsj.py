"""Mask R-CNN for large-scale jittering: images are padded to 1024x1024."""

_base_ = './mask-rcnn_convnextv2_fpn.py'

model = dict(
    data_preprocessor=dict(
        batch_augments=[
            dict(type='BatchFixedSizePad', size=(1024, 1024), pad_mask=True)
        ]
    )
)
