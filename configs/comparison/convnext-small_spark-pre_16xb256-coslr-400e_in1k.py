"""Fine-tuning of ConvNeXt-Small on ImageNet-1K after SparK.

Reproduces: nothing; SparK is not in the paper.
Expected:   unknown.
Weights:    not released; train
            spark_sparse-convnext-small_16xb256-amp-coslr-800e_in1k first.
Values:     MMPretrain's recipe of ConvNeXt V2-Tiny; batch size, learning rate,
            weight decay, drop path and epochs from the code of SparK's authors
            for this size.
"""

_base_ = [
    'mmpretrain::spark/benchmarks/convnextv2-tiny_8xb256-coslr-300e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
checkpoint = 'work_dirs/spark_sparse-convnext-small_16xb256-amp-coslr-800e_in1k/epoch_800.pth'
max_epochs = 400
model = dict(
    backbone=dict(
        arch='small',
        drop_path_rate=0.3,
        layer_scale_init_value=1e-6,
        use_grn=False,
        init_cfg=dict(checkpoint=checkpoint),
    ),
)
train_dataloader = dict(batch_size=256)
optim_wrapper = dict(accumulative_counts=1, optimizer=dict(weight_decay=0.01))
auto_scale_lr = dict(base_batch_size=4096)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-4, end=20, convert_to_iter_based=True
    ),
    dict(type='CosineAnnealingLR', begin=20, eta_min=1e-5),
]
