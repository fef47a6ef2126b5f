"""MAE pre-training of ViT-Huge on ImageNet-1K, 1600 epochs.

Reproduces: Table 4 of the paper, ViT-H, MAE.
Expected:   86.9 top-1 after fine-tuning (Table 4).
Then:       fine-tune with vit-huge-p14_mae-1600e-pre_8xb128-coslr-50e_in1k.
Weights:    none; randomly initialized. The result of OpenMMLab is released as
            mae_vit-huge-p16_8xb512-amp-coslr-1600e_in1k; license Apache 2.0,
            that of MMPretrain.
Values:     MMPretrain's recipe, unchanged.
"""

_base_ = [
    'mmpretrain::mae/mae_vit-huge-p14_8xb512-amp-coslr-1600e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
