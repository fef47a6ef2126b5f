"""SparK pre-training of ConvNeXt-Small on ImageNet-1K, 800 epochs.

Reproduces: nothing; SparK is not in the paper. Masked pre-training of ConvNeXt
            V1 by another method.
Expected:   unknown.
Then:       fine-tune with convnext-small_spark-pre_16xb256-coslr-400e_in1k.
Weights:    none; randomly initialized.
Values:     MMPretrain's recipe, unchanged.
"""

_base_ = [
    'mmpretrain::spark/spark_sparse-convnext-small_16xb256-amp-coslr-800e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
optim_wrapper = dict(accumulative_counts=1)
auto_scale_lr = dict(base_batch_size=4096)
