"""FCMAE pre-training of ConvNeXt V2-Tiny on a flat folder of images.

Reproduces: nothing of the paper; it is the start for images of your own,
            with the paper's settings and no labels or subfolders needed.
Command:    mim train mmpretrain \
                configs/fcmae/fcmae_convnextv2-tiny_1xb64-800e_folder.py \
                --cfg-options train_dataloader.dataset.data_root=/my/images
Hardware:   any; the learning rate follows the batch (GPUs x batch_size,
            without accumulation).
Expected:   a loss that starts near 1.0, which is what predicting the mean
            of every patch costs, and falls.
Weights:    none, it starts at random.
Values:     Table 8. Other sizes: see model below.
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
auto_scale_lr = dict(enable=True)
