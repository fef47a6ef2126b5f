"""Evaluate pre-training on a labeled folder; add this file to `_base_`.

Every `train_cfg.val_interval` epochs: the k-NN accuracy of frozen features
(`knn/top1`, `knn/top5`), the loss under fixed masks (`val/loss`), and
reconstructions. The folder has one subfolder per class. For images without
labels set `with_label` to False and remove KNNAccuracy.
"""

val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CustomDataset',
        data_root='data/labeled',
        with_label=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='ResizeEdge',
                scale=256,
                edge='short',
                backend='pillow',
                interpolation='bicubic',
            ),
            dict(type='CenterCrop', crop_size=224),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = [dict(type='ReconstructionLoss'), dict(type='KNNAccuracy')]
val_cfg = dict()
# mmengine's default would log the mean of the last ten values of `val/loss`.
log_processor = dict(
    mean_pattern=r'^(?!val/).*(loss|time|data_time|grad_norm).*'
)
custom_hooks = [dict(type='ReconstructionVisualizationHook')]
