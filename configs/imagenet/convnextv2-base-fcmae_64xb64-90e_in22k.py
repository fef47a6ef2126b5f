"""Intermediate fine-tuning of ConvNeXt V2-Base on ImageNet-22K.

Reproduces: Table 12 of the paper, the step before Table 15.
Command:    mim train mmpretrain \
                configs/imagenet/convnextv2-base-fcmae_64xb64-90e_in22k.py \
                --launcher slurm --gpus 64 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   64 GPUs x 64 images = 4096. One node of 8:
            --launcher pytorch --gpus 8
            --cfg-options optim_wrapper.accumulative_counts=8
Expected:   86.8 at 224 and 87.7 at 384 pixels, top-1 after fine-tuning on
            ImageNet-1K (Table 15).
Weights:    the authors' pre-trained weights, in the host's conversion
            (convnext-v2-base_3rdparty-fcmae_in1k); licence CC-BY-NC 4.0. Of
            your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     Table 12; random erasing 0.25, the end of the cosine and mixed
            precision from the released code. Group-wise decay as in Table 11.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet22k_224.py',
    '../_base_/schedules/imagenet22k_finetune.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-base_3rdparty-fcmae_in1k_20230104-8a798eaf.pth'
model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    head=dict(num_classes=21841, in_channels=1024),
)
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.8, decay_type='group')
)
train_dataloader = dict(batch_size=64)
