"""Fine-tuning of ConvNeXt V2-Tiny on ImageNet-1K after FCMAE.

Reproduces: Table 14 of the paper, ConvNeXt V2-T, FCMAE.
Command:    mim train mmpretrain \
                configs/imagenet/convnextv2-tiny-fcmae_32xb32-300e_in1k.py \
                --launcher slurm --gpus 32 --gpus-per-node 8 \
                --partition PARTITION
Hardware:   32 GPUs x 32 images = 1024. One node of 8:
            --launcher pytorch --gpus 8 --cfg-options
            optim_wrapper.accumulative_counts=4 custom_hooks.0.interval=4
Expected:   83.0 top-1.
Weights:    the authors' pre-trained weights, in the host's conversion
            (convnext-v2-tiny_3rdparty-fcmae_in1k); licence CC-BY-NC 4.0. Of
            your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     Table 10; random erasing 0.25, the end of the cosine and mixed
            precision from the released code.
"""

_base_ = [
    '../_base_/models/convnextv2_classifier.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet_finetune.py',
    '../_base_/imagenet_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_3rdparty-fcmae_in1k_20230104-80513adc.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        drop_path_rate=0.2,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    head=dict(in_channels=768),
)
lr = 8e-4 * 1024 / 256
optim_wrapper = dict(
    paramwise_cfg=dict(layer_decay_rate=0.9), optimizer=dict(lr=lr)
)
train_cfg = dict(max_epochs=300)
param_scheduler = _base_.param_scheduler
param_scheduler[0]['end'] = param_scheduler[1]['begin'] = 40
param_scheduler[1]['eta_min_ratio'] = 1e-6 / lr
