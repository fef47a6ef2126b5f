"""Mask2Former, based on MMSegmentation's config with ResNet-50.

Everything but the backbone is inherited: data, schedule, and a tenth of the
learning rate for the backbone, which takes the place of layer decay. The
optimizer's constructor is ours, which also exempts GRN from weight decay.
"""

_base_ = 'mmseg::mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py'

custom_imports = dict(
    imports=['mmseg_plugin', 'mmdet.models'], allow_failed_imports=False
)
runner_type = 'CheckedRunner'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ConvNeXtV2',
        arch='base',
        out_indices=(0, 1, 2, 3),
        gap_before_final_norm=False,
        drop_path_rate=0.3,
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
)
no_decay = dict(lr_mult=1.0, decay_mult=0.0)
optim_wrapper = dict(
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(
        _delete_=True,
        layer_decay_rate=1.0,
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'query_embed': no_decay,
            'query_feat': no_decay,
            'level_embed': no_decay,
        },
    ),
)
test_cfg = dict(type='CheckedTestLoop')
default_hooks = dict(input_check=dict(type='InputCheckHook'))
