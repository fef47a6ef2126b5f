"""UperNet with ConvNeXt V1-Base on ADE20K, initialized by supervised training.

Reproduces: Table 7 of the paper, ConvNeXt V1-B, supervised, 512x512.
Expected:   49.9 mIoU with the multi-scale test (Table 7).
Weights:    convnext-base_3rdparty_32xb128_in1k, the release of the authors
            converted by OpenMMLab; license MIT.
Values:     section A.4, which sweeps layer decay over 0.8 and 0.9, the
            learning rate over 1e-4, 2e-4 and 3e-4 and drop path over 0.1 to
            0.4 without stating the best: 0.9, 1e-4 and 0.4 are those of
            ConvNeXt V1's released configs, whose layer decay is per group of
            blocks.
"""

_base_ = [
    '../_base_/models/upernet_convnextv2.py',
    '../_base_/datasets/ade20k_512.py',
    '../_base_/schedules/ade20k_160k.py',
    '../_base_/ade20k_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext/convnext-base_3rdparty_32xb128_in1k_20220124-d0915162.pth'
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.4,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
    auxiliary_head=dict(in_channels=512),
)
