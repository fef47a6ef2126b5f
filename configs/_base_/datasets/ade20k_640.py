"""ADE20K at 640x640: as at 512x512, with images resized to 640x2560."""

_base_ = './ade20k_512.py'

train_pipeline = _base_.train_pipeline
train_pipeline[2]['scale'] = (2560, 640)
train_pipeline[3]['crop_size'] = (640, 640)
test_pipeline = _base_.test_pipeline
test_pipeline[1]['scale'] = (2560, 640)
tta_pipeline = _base_.tta_pipeline
tta_pipeline[1]['transforms'][0] = [
    dict(
        type='Resize', scale=(round(2560 * r), round(640 * r)), keep_ratio=True
    )
    for r in (0.75, 0.875, 1.0, 1.125, 1.25)
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
