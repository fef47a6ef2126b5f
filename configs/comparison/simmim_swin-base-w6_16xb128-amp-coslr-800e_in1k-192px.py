"""SimMIM pre-training of Swin-Base on ImageNet-1K, 800 epochs.

Reproduces: Table 4 of the paper, Swin-B, SimMIM.
Expected:   84.0 top-1 after fine-tuning (Table 4).
Then:       fine-tune with swin-base-w7_simmim-800e-pre_8xb256-coslr-100e_in1k.
Weights:    none; randomly initialized. The result of OpenMMLab is released as
            simmim_swin-base-w6_16xb128-amp-coslr-800e_in1k-192px; license
            Apache 2.0, that of MMPretrain.
Values:     MMPretrain's recipe, where the batch of 128 per GPU is in the name
            and in the learning rate but not in the config.
"""

_base_ = [
    'mmpretrain::simmim/simmim_swin-base-w6_16xb128-amp-coslr-800e_in1k-192px.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
train_dataloader = dict(
    batch_size=128, collate_fn=dict(_delete_=True, type='default_collate')
)
optim_wrapper = dict(accumulative_counts=1)
