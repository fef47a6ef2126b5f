"""FCMAE pre-training of ConvNeXt V2-Atto on digit scenes of 12 channels.

Reproduces: nothing in the paper. An example of 12 channels of 16 bits.
Data:       python tools/demo/make_spectral_scenes.py data/spectral
Expected:   a loss that decreases from 1.0, the cost of predicting the mean of
            every patch.
Weights:    none; randomly initialized.
Values:     those of demo/fcmae_convnextv2-atto_digits, with a batch size of 4
            for few images.
"""

_base_ = [
    '../demo/fcmae_convnextv2-atto_digits.py',
    '../_base_/datasets/spectral_scenes.py',
]

model = dict(
    backbone=dict(in_channels={{_base_.in_channels}}),
    neck=dict(out_channels={{_base_.in_channels}}),
    head=dict(in_channels={{_base_.in_channels}}),
)
data_preprocessor = dict(
    type='MultiChannelSelfSupDataPreprocessor',
    mean={{_base_.mean}},
    std={{_base_.std}},
    to_rgb=False,
)
train = dict(pipeline={{_base_.unlabeled_train_pipeline}})
test = dict(pipeline={{_base_.unlabeled_test_pipeline}})
train_dataloader = dict(
    batch_size=4, dataset=dict(data_root='data/spectral/train', **train)
)
test_dataloader = dict(dataset=dict(data_root='data/spectral/val', **test))
