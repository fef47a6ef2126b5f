"""Fine-tuning of Swin-Large on ImageNet-1K after SimMIM.

Reproduces: Table 4 of the paper, Swin-L, SimMIM.
Expected:   85.4 top-1 (Table 4).
Weights:    simmim_swin-large_16xb128-amp-coslr-800e_in1k-192, trained by
            OpenMMLab with the recipe of the pre-training here; license Apache
            2.0, that of MMPretrain. The result of OpenMMLab is released as
            swin-large-w14_simmim-800e-pre_8xb256-coslr-100e_in1k; license
            Apache 2.0, that of MMPretrain.
Values:     MMPretrain's recipe, with which OpenMMLab reports 84.8 top-1; a
            class of ours resizes the windows of the pre-training, which
            MMPretrain's does not with SciPy 1.14 or later. Its cosine has a
            period of 100 epochs after 20 of warm-up and therefore ends at a
            tenth of the learning rate.
"""

_base_ = [
    'mmpretrain::simmim/benchmarks/swin-large-w14_8xb256-coslr-100e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
checkpoint = 'https://mmassets.onedl.ai/mmselfsup/1.x/simmim/simmim_swin-large_16xb128-amp-coslr-800e_in1k-192/simmim_swin-large_16xb128-amp-coslr-800e_in1k-192_20220916-4ad216d3.pth'
model = dict(
    backbone=dict(
        type='SwinTransformerAnyWindow', init_cfg=dict(checkpoint=checkpoint)
    )
)
train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
val_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
test_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
auto_scale_lr = dict(base_batch_size=2048)
