"""FCMAE pre-training of ConvNeXt V2-Tiny on a flat folder of images.

Reproduces: nothing in the paper. A start for your own images with the paper's
            settings; labels and subfolders are not needed.
Data:       a folder of images: --cfg-options
            train_dataloader.dataset.data_root=/my/images
Expected:   a loss that starts near 1.0, the cost of predicting the mean of
            every patch, and decreases.
Weights:    none; randomly initialized.
Values:     section 3 and Table 8. The learning rate is scaled to the batch
            size (GPUs x batch_size, without gradient accumulation). Other
            model sizes: see below.
"""

_base_ = [
    '../_base_/models/fcmae_convnextv2.py',
    '../_base_/datasets/imagenet_fcmae.py',
    '../_base_/schedules/fcmae_800e.py',
    '../_base_/fcmae_runtime.py',
]

# arch and in_channels go together: atto 320, femto 384, pico 512, nano 640,
# tiny 768, base 1024, large 1536, huge 2816.
model = dict(backbone=dict(arch='tiny'), neck=dict(in_channels=768))
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root='data/images',
        with_label=False,
        pipeline={{_base_.train_pipeline}},
    )
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root='data/labeled',
        pipeline={{_base_.test_pipeline}},
    )
)
auto_scale_lr = dict(enable=True)
