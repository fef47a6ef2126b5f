"""Fine-tuning of ViT-Base on ImageNet-1K after BEiT.

Reproduces: Table 4 of the paper, ViT-B, BEiT.
Expected:   83.2 top-1 (Table 4).
Weights:    not released; train beit_beit-base-p16_8xb256-amp-coslr-800e_in1k
            first.
Values:     MMPretrain's recipe, with which OpenMMLab reports 83.1 top-1 after
            300 epochs of pre-training. The images are normalized by 0.5 as in
            MMPretrain's recipe, although the pre-training uses ImageNet's mean
            and deviation.
"""

_base_ = [
    'mmpretrain::beit/benchmarks/beit-base-p16_8xb128-coslr-100e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
checkpoint = (
    'work_dirs/beit_beit-base-p16_8xb256-amp-coslr-800e_in1k/epoch_800.pth'
)
model = dict(backbone=dict(init_cfg=dict(checkpoint=checkpoint)))
