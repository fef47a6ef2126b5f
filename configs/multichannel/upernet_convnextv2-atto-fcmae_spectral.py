"""UperNet with ConvNeXt V2-Atto on digit scenes of 12 channels.

Reproduces: nothing in the paper. An example of 12 channels of 16 bits.
Data:       python tools/demo/make_spectral_scenes.py data/spectral
Expected:   unknown.
Weights:    those of FCMAE on the same images: train
            fcmae_convnextv2-atto_spectral first.
Values:     those of demo/upernet_convnextv2-atto-fcmae_digits.
"""

_base_ = [
    '../demo/upernet_convnextv2-atto-fcmae_digits.py',
    '../_base_/datasets/spectral_scenes.py',
]

weights = 'work_dirs/fcmae_convnextv2-atto_spectral/epoch_8.pth'
model = dict(
    data_preprocessor=dict(
        type='MultiChannelSegDataPreProcessor',
        mean={{_base_.mean}},
        std={{_base_.std}},
        bgr_to_rgb=False,
    ),
    backbone=dict(
        in_channels={{_base_.in_channels}}, init_cfg=dict(checkpoint=weights)
    ),
)
dataset = dict(data_root='data/spectral/', img_suffix='.tif')
train = dict(
    data_prefix=dict(img_path='train', seg_map_path='semantic/train'),
    pipeline={{_base_.semantic_train_pipeline}},
)
train_dataloader = dict(dataset=dict(**dataset, **train))
test = dict(
    data_prefix=dict(img_path='val', seg_map_path='semantic/val'),
    pipeline={{_base_.semantic_test_pipeline}},
)
test_dataloader = dict(dataset=dict(**dataset, **test))
default_hooks = dict(visualization=dict(backend_args={{_base_.shown_image}}))
