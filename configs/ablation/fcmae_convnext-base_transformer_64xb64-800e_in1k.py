"""Ablation of FCMAE: the Transformer decoder of MAE.

Reproduces: Table 1a of the paper.
Expected:   83.4 top-1 after fine-tuning.
Then:       fine-tune with imagenet/convnext-base-fcmae_32xb32-100e_in1k and
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Weights:    none; randomly initialized.
Values:     the paper does not describe this decoder; width, depth and heads
            are those of MAE.
"""

_base_ = '../fcmae/fcmae_convnext-base_64xb64-800e_in1k.py'

model = dict(
    neck=dict(
        _delete_=True,
        type='FCMAETransformerDecoder',
        in_channels=1024,
        embed_dim=512,
        depth=8,
        num_heads=16,
    )
)
