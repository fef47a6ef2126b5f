"""36 epochs of Mask R-CNN with a batch size of 32 (paper, A.3).

The paper states AdamW, a learning rate of 1e-4, a weight decay of 0.05 and
layer-wise decay. It does not state the rest, which follows an independent run
of base that reached the paper's result: 1000 iterations of warm-up, learning
rate steps at epochs 27 and 33, mixed precision.
"""

max_epochs = 36
milestones = [27, 33]
warmup_iters = 1000
optim_wrapper = dict(
    type='AmpOptimWrapper',
    accumulative_counts=1,
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.95, decay_type='layer'),
    optimizer=dict(
        type='AdamW',
        lr=1e-4,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,
    ),
)
auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, end=warmup_iters),
    dict(type='MultiStepLR', milestones=milestones, gamma=0.1),
]
