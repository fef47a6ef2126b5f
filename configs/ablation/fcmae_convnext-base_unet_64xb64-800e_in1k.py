"""Ablation of FCMAE: a UNet decoder without skips.

Reproduces: Table 1a of the paper.
Command:    mim train mmpretrain \
                configs/ablation/fcmae_convnext-base_unet_64xb64-800e_in1k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   83.5 top-1 after fine-tuning.
Then:       configs/imagenet/convnext-base-fcmae_32xb32-100e_in1k.py with
            --cfg-options
            model.backbone.init_cfg.checkpoint=FILE
Weights:    none, it starts at random.
Values:     the paper gives no details of this decoder; one block per level, as
            wide as the encoder.
"""

_base_ = '../fcmae/fcmae_convnext-base_64xb64-800e_in1k.py'

model = dict(
    neck=dict(
        _delete_=True,
        type='FCMAEUNetDecoder',
        in_channels=[128, 256, 512, 1024],
        skip=False,
    )
)
