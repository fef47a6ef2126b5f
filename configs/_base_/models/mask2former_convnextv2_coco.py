"""Mask2Former, based on MMDetection's config with ResNet-50.

Everything but the backbone is inherited: data, schedule, and a tenth of the
learning rate for the backbone, which takes the place of layer decay. The
optimizer's constructor is ours, which also exempts GRN from weight decay.
"""

_base_ = 'mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py'

custom_imports = dict(imports=['mmdet_plugin'], allow_failed_imports=False)
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
    panoptic_head=dict(in_channels=[128, 256, 512, 1024]),
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
# Without the folders of panoptic maps that MMDetection's config inherits and
# does not read.
train_prefix = dict(_delete_=True, img='train2017/')
val_prefix = dict(_delete_=True, img='val2017/')
train_dataloader = dict(dataset=dict(data_prefix=train_prefix))
val_dataloader = dict(dataset=dict(data_prefix=val_prefix))
test_dataloader = dict(dataset=dict(data_prefix=val_prefix))
default_hooks = dict(input_check=dict(type='InputCheckHook'))
