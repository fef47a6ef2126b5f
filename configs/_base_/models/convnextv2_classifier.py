"""Classifier of the paper's fine-tuning (Tables 9 to 13).

The paper's "head init 0.001" scales the usual standard deviation of 0.02.
"""

custom_imports = dict(
    imports=['mmpretrain_plugin'], allow_failed_imports=False
)
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ConvNeXtV2', arch='base', drop_path_rate=0.1),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=1024,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=2e-5, bias=0.0),
    ),
    # Each batch uses one of the two, with equal probability.
    train_cfg=dict(
        augments=[
            dict(type='Mixup', alpha=0.8),
            dict(type='CutMix', alpha=1.0),
        ]
    ),
)
