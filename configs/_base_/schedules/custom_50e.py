"""50 epochs on a small data set and one GPU; not a schedule of the paper.

From sections A.3 and A.4: AdamW, its weight decay, layer decay (0.9 is in both
sweeps), and a learning rate of 1e-4, not scaled down from their 16 and 32
images to 4. Cosine decay fits any number of images and epochs. These are our
choices; no data were used to tune them.
"""

max_epochs = 50
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, decay_type='layer'),
    optimizer=dict(
        type='AdamW',
        lr=1e-4,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,
    ),
)
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1
)
val_cfg = dict(type='ValLoop')
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-3, end=1, convert_to_iter_based=True
    ),
    dict(
        type='CosineAnnealingLR',
        begin=1,
        end=max_epochs,
        T_max=max_epochs - 1,
        convert_to_iter_based=True,
    ),
]
