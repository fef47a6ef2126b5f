"""Fluorescence image of nuclei, one channel of 16 bits.

Written by tools/demo/make_microscopy_tiles.py. Mean and standard deviation are
those of the training tiles, computed by tools/compute_mean_std.py.
"""

in_channels = 1
mean = [32.5509]
std = [24.4202]
folder = 'data/microscopy/'
load = dict(type='LoadTIFFImage', in_channels=in_channels)
# How the visualization hooks read an image.
shown_image = dict(backend='false_color', channels=[0])

unlabeled_train_pipeline = [
    load,
    dict(type='RandomResizedCrop', scale=96, crop_ratio_range=(0.4, 1.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs'),
]
unlabeled_test_pipeline = [
    load,
    dict(type='Resize', scale=96),
    dict(type='PackInputs'),
]
instance_train_pipeline = [
    load,
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(256, 256)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
instance_test_pipeline = [
    load,
    dict(type='Resize', scale=(256, 256)),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
        ),
    ),
]
