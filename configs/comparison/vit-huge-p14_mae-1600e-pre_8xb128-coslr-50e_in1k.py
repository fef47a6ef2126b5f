"""Fine-tuning of ViT-Huge on ImageNet-1K after MAE.

Reproduces: Table 4 of the paper, ViT-H, MAE.
Expected:   86.9 top-1 (Table 4).
Weights:    mae_vit-huge-p16_8xb512-fp16-coslr-1600e_in1k, trained by OpenMMLab
            with the recipe of the pre-training here; license Apache 2.0, that
            of MMPretrain. The result of OpenMMLab is released as
            vit-huge-p14_mae-1600e-pre_8xb128-coslr-50e_in1k; license Apache
            2.0, that of MMPretrain.
Values:     MMPretrain's recipe, with which OpenMMLab reports 86.9 top-1.
"""

_base_ = [
    'mmpretrain::mae/benchmarks/vit-huge-p14_8xb128-coslr-50e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
checkpoint = 'https://mmassets.onedl.ai/mmselfsup/1.x/mae/mae_vit-huge-p16_8xb512-fp16-coslr-1600e_in1k/mae_vit-huge-p16_8xb512-fp16-coslr-1600e_in1k_20220916-ff848775.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=checkpoint)))
