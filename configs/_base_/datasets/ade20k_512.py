"""ADE20K at 512x512 (paper, A.4).

The paper's multi-scale test takes ratios of the size that pictures are
resized to, 512x2048; the host's own takes them of the original picture. With a
flip, which the paper does not state: its number of V1 equals V1's own with it.
"""

_base_ = 'mmseg::_base_/datasets/ade20k.py'

train_dataloader = dict(batch_size=2)
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(
                    type='Resize',
                    scale=(round(2048 * r), round(512 * r)),
                    keep_ratio=True,
                )
                for r in (0.75, 0.875, 1.0, 1.125, 1.25)
            ],
            [
                dict(type='RandomFlip', prob=0.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
