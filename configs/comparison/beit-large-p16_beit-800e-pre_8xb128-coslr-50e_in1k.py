"""Fine-tuning of ViT-Large on ImageNet-1K after BEiT.

Reproduces: Table 4 of the paper, ViT-L, BEiT.
Expected:   85.2 top-1 (Table 4).
Weights:    not released; train beit_beit-large-p16_8xb256-amp-coslr-800e_in1k
            first.
Values:     those of base, for which MMPretrain has a recipe; learning rate,
            layer decay, drop path, layer scale and epochs from the command of
            BEiT's authors for large after ImageNet-22K. The images are
            normalized by 0.5 as in MMPretrain's recipe, although the
            pre-training uses ImageNet's mean and deviation.
"""

_base_ = './beit-base-p16_beit-800e-pre_8xb128-coslr-100e_in1k.py'

checkpoint = (
    'work_dirs/beit_beit-large-p16_8xb256-amp-coslr-800e_in1k/epoch_800.pth'
)
max_epochs = 50
model = dict(
    backbone=dict(
        arch='large',
        drop_path_rate=0.2,
        layer_scale_init_value=1e-5,
        init_cfg=dict(checkpoint=checkpoint),
    ),
    head=dict(in_channels=1024),
)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=0.75)
)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-4, end=5, convert_to_iter_based=True
    ),
    dict(
        type='CosineAnnealingLR',
        begin=5,
        eta_min=1e-6,
        convert_to_iter_based=True,
    ),
]
