"""Digit scenes of 12 channels, in files of 16 bits.

Written by tools/demo/make_spectral_scenes.py. Mean and standard deviation are
those of the training images, computed by tools/compute_mean_std.py.
"""

in_channels = 12
mean = [
    831.28, 836.399, 843.663, 858.735, 874.859, 901.108, 936.296, 970.069,
    1016.83, 1052.89, 1060.72, 1066.81,
]  # fmt: skip
std = [
    503.886, 509.595, 497.071, 499.462, 491.601, 491.022, 501.773, 519.626,
    560.359, 596.255, 617.93, 627.716,
]  # fmt: skip
folder = 'data/spectral/'
load = dict(type='LoadTIFFImage', in_channels=in_channels)
# How the visualization hooks read an image.
shown_image = dict(backend='false_color', channels=[8, 5, 2])

unlabeled_train_pipeline = [
    load,
    dict(type='RandomResizedCrop', scale=96, crop_ratio_range=(0.4, 1.0)),
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
    dict(type='PackDetInputs'),
]
instance_test_pipeline = [
    load,
    dict(type='Resize', scale=(96, 96)),
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
semantic_train_pipeline = [
    load,
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='Resize', scale=(64, 64)),
    dict(type='PackSegInputs'),
]
semantic_test_pipeline = [
    load,
    dict(type='Resize', scale=(64, 64)),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs'),
]
