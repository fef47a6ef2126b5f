"""Fine-tuning of ConvNeXt V2-Tiny on ImageNet-1K after SparK.

Reproduces: nothing; SparK is not in the paper.
Expected:   82.8 top-1, which OpenMMLab reports (FCMAE: 83.0).
Weights:    spark_sparse-convnextv2-tiny_16xb256-amp-coslr-800e_in1k, trained
            by OpenMMLab with the recipe of the pre-training here; license
            Apache 2.0, that of MMPretrain. The result of OpenMMLab is released
            as convnextv2-tiny_spark-pre_300e_in1k; license Apache 2.0, that of
            MMPretrain.
Values:     MMPretrain's recipe, where the batch of 256 per GPU is in the name
            and in the learning rate but not in the config.
"""

_base_ = [
    'mmpretrain::spark/benchmarks/convnextv2-tiny_8xb256-coslr-300e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
checkpoint = 'https://mmassets.onedl.ai/mmpretrain/v1.0/spark/spark_sparse-convnextv2-tiny_16xb256-amp-coslr-800e_in1k/spark_sparse-convnextv2-tiny_16xb256-amp-coslr-800e_in1k_20230612-b0ea712e.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=checkpoint)))
train_dataloader = dict(batch_size=256)
