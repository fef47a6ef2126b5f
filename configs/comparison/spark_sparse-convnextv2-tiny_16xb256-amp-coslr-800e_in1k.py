"""SparK pre-training of ConvNeXt V2-Tiny on ImageNet-1K, 800 epochs.

Reproduces: nothing; SparK is not in the paper. Masked pre-training of ConvNeXt
            V2 by another method.
Expected:   82.8 top-1 after fine-tuning, which OpenMMLab reports (FCMAE:
            83.0).
Then:       fine-tune with convnextv2-tiny_spark-pre_8xb256-coslr-300e_in1k.
Weights:    none; randomly initialized. The result of OpenMMLab is released as
            spark_sparse-convnextv2-tiny_800e_in1k; license Apache 2.0, that of
            MMPretrain.
Values:     MMPretrain's recipe, unchanged. Its GRN also counts hidden
            positions, which are not zero inside of a block; FCMAE's does not.
"""

_base_ = [
    'mmpretrain::spark/spark_sparse-convnextv2-tiny_16xb256-amp-coslr-800e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
optim_wrapper = dict(accumulative_counts=1)
auto_scale_lr = dict(base_batch_size=4096)
