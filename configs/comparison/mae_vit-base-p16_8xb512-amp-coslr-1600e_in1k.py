"""MAE pre-training of ViT-Base on ImageNet-1K, 1600 epochs.

Reproduces: Table 4 of the paper, ViT-B, MAE.
Expected:   83.6 top-1 after fine-tuning (Table 4).
Then:       fine-tune with vit-base-p16_mae-1600e-pre_8xb128-coslr-100e_in1k.
Weights:    none; randomly initialized. The result of OpenMMLab is released as
            mae_vit-base-p16_8xb512-amp-coslr-1600e_in1k; license Apache 2.0,
            that of MMPretrain.
Values:     MMPretrain's recipe, unchanged.
"""

_base_ = [
    'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-1600e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
