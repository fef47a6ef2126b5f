"""Supervised training of ConvNeXt V1-Base on ImageNet-1K, 100 epochs.

Reproduces: section 3 of the paper, the supervised baseline of 100 epochs.
Expected:   82.7 top-1.
Weights:    none; randomly initialized.
Values:     Table 11, because section 3 states "the same recipe" as in
            fine-tuning. Without its layer decay, our choice: it would leave
            the first layers close to their random weights. Table 11 prints a
            base learning rate of 6.25e-3; the released command and
            MMPretrain's configs use 6.25e-4, as here.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune.py',
    '../_base_/imagenet_runtime.py',
]

model = dict(
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.1,
    ),
    head=dict(in_channels=1024),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
