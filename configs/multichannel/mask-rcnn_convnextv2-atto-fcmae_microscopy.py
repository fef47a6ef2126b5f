"""Mask R-CNN with ConvNeXt V2-Atto on nuclei in microscopy.

Reproduces: nothing in the paper. An example of one channel of 16 bits.
Data:       python tools/demo/make_microscopy_tiles.py data/microscopy
Expected:   unknown.
Weights:    those of FCMAE on the same images: train
            fcmae_convnextv2-atto_microscopy first.
Values:     those of demo/mask-rcnn_convnextv2-atto-fcmae_digits. Tiles are
            enlarged twice, as nuclei are smaller than its anchors.
"""

_base_ = [
    '../demo/mask-rcnn_convnextv2-atto-fcmae_digits.py',
    '../_base_/datasets/microscopy_tiles.py',
]

weights = 'work_dirs/fcmae_convnextv2-atto_microscopy/epoch_8.pth'
model = dict(
    data_preprocessor=dict(
        type='MultiChannelDetDataPreprocessor',
        mean={{_base_.mean}},
        std={{_base_.std}},
        bgr_to_rgb=False,
    ),
    backbone=dict(
        in_channels={{_base_.in_channels}}, init_cfg=dict(checkpoint=weights)
    ),
    roi_head=dict(
        bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)
    ),
)
dataset = dict(
    data_root='data/microscopy/', metainfo=dict(classes=('nucleus',))
)
train = dict(indices=None, pipeline={{_base_.instance_train_pipeline}})
train_dataloader = dict(dataset=dict(**dataset, **train))
test = dict(
    ann_file='annotations/instances_val.json',
    data_prefix=dict(img='val/'),
    pipeline={{_base_.instance_test_pipeline}},
)
test_dataloader = dict(dataset=dict(**dataset, **test))
test_evaluator = dict(
    ann_file='data/microscopy/annotations/instances_val.json'
)
default_hooks = dict(visualization=dict(backend_args={{_base_.shown_image}}))
