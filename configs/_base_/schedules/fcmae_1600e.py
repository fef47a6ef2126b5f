"""FCMAE for 1600 epochs: 40 of warm-up, then cosine to 0 (paper, Table 8)."""

_base_ = './fcmae_adamw.py'

max_epochs = 1600
warmup_epochs = 40
train_cfg = dict(
    type='EpochBasedTrainLoop',
    max_epochs=max_epochs,
    val_interval=10,  # of fcmae_evaluation.py, where a config adds it
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        end=warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=warmup_epochs,
        end=max_epochs,
        T_max=max_epochs - warmup_epochs,
        convert_to_iter_based=True,
    ),
]
