"""ADE20K at 512x512 (paper, A.4).

The multi-scale test of the paper scales the test size 512x2048;
MMSegmentation's default scales the size of the original image. The paper does
not mention flipping at test time. It is used here because the paper's result
of V1 is V1's own result with flipping.
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
