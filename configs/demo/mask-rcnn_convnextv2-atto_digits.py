"""Demo: Mask R-CNN with ConvNeXt V2-Atto on digit scenes, from scratch.

Reproduces: nothing in the paper. `make demo` compares it with
            mask-rcnn_convnextv2-atto-fcmae_digits.
Data:       python tools/demo/make_digit_scenes.py data/digit_scenes
Expected:   lower AP than mask-rcnn_convnextv2-atto-fcmae_digits.
Measured:   38.5 box AP, 35.8 mask AP (one run of `make demo`, 2026-11-27, 2
            cores, torch 2.11).
Weights:    none; randomly initialized.
Values:     chosen for small images and a run of minutes: a narrow FPN with
            norms and strides 8, 16 and 32, as digits are large, few
            proposals, batch size 8, a cosine schedule, 600 labeled images,
            and PyTorch's default initialization, as the standard deviation of
            the other recipes, 0.02, is small for such narrow layers
            (docs/evidence.md has what was compared). From section A.3: AdamW
            with its default betas, weight decay. No layer decay.
"""

_base_ = [
    '../_base_/models/mask-rcnn_convnextv2_fpn.py',
    '../_base_/datasets/digits_instance.py',
    'mmdet::_base_/default_runtime.py',
]

runner_type = 'CheckedRunner'
max_epochs = 6
width = 64
strides = [8, 16, 32]
norm_cfg = dict(type='GN', num_groups=8)

model = dict(
    backbone=dict(arch='atto', out_indices=(1, 2, 3), init_cfg=None),
    neck=dict(
        in_channels=[80, 160, 320],
        out_channels=width,
        num_outs=len(strides),
        norm_cfg=norm_cfg,
    ),
    rpn_head=dict(
        in_channels=width,
        feat_channels=width,
        anchor_generator=dict(scales=[4], strides=strides),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=width, featmap_strides=strides),
        bbox_head=dict(
            in_channels=width,
            fc_out_channels=256,
            num_classes=10,
            reg_class_agnostic=True,
        ),
        mask_roi_extractor=dict(out_channels=width, featmap_strides=strides),
        mask_head=dict(
            num_convs=2,
            in_channels=width,
            conv_out_channels=width,
            num_classes=10,
            class_agnostic=True,
            norm_cfg=norm_cfg,
        ),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=16, pos_fraction=0.5)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100)),
)

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=1.0),
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, fused=True),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR', T_max=max_epochs, convert_to_iter_based=True
    ),
]
default_hooks = dict(
    input_check=dict(type='InputCheckHook'),
    logger=dict(interval=10),
    checkpoint=dict(interval=max_epochs),
)
randomness = dict(seed=0)
