"""UperNet (paper, A.4), based on MMSegmentation's config.

The test runs on complete images, like ConvNeXt V1's released configs and the
operation counts of the paper. MMSegmentation's configs of V1 slide a window.
"""

_base_ = 'mmseg::_base_/models/upernet_convnext.py'

custom_imports = dict(imports=['mmseg_plugin'], allow_failed_imports=False)
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ConvNeXtV2',
        arch='base',
        out_indices=(0, 1, 2, 3),
        gap_before_final_norm=False,
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024], num_classes=150),
    auxiliary_head=dict(in_channels=512, num_classes=150),
)
