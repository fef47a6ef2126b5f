"""MoCo V3 pre-training of ConvNeXt V2-Base on ImageNet-1K.

Reproduces: appendix D of the paper, comparison with contrastive learning.
Expected:   83.7 top-1 after fine-tuning (appendix D; FCMAE: 84.9).
Then:       fine-tune with convnextv2-base_mocov3-pre_32xb32-100e_in1k.
Weights:    none; randomly initialized.
Values:     MMPretrain's recipe of ResNet-50 with 300 epochs; the backbone
            differs. The paper uses the default recipe of MoCo V3 and states
            neither the optimizer nor the number of epochs for this backbone.
            Excluded from weight decay and from the adaptation of LARS are
            biases and normalizations, as in the recipe. The batch of 4096 is
            spread over 64 GPUs, as in our supervised training of this size.
"""

_base_ = [
    'mmpretrain::mocov3/mocov3_resnet50_8xb512-amp-coslr-300e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
model = dict(
    backbone=dict(_delete_=True, type='ConvNeXtV2', arch='base'),
    # The backbone pools and normalizes, as in fine-tuning.
    neck=dict(in_channels=1024, with_avg_pool=False),
)
train_dataloader = dict(
    batch_size=64, collate_fn=dict(_delete_=True, type='default_collate')
)
optim_wrapper = dict(
    accumulative_counts=1,
    paramwise_cfg=dict(
        _delete_=True,
        # Biases and all normalizations; LayerNorms of down-sampling have
        # numbers as names.
        custom_keys={
            key: dict(decay_mult=0, lars_exclude=True)
            for key in ('bias', 'bn', 'norm', 'grn')
            + ('downsample_layers.0.1', 'downsample_layers.1.0')
            + ('downsample_layers.2.0', 'downsample_layers.3.0')
        },
    ),
)
