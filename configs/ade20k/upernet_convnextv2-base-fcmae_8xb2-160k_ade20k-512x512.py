"""UperNet with ConvNeXt V2-Base on ADE20K.

Reproduces: Table 7 of the paper, ConvNeXt V2-B, FCMAE, 512x512.
Command:    mim train mmseg \
                configs/ade20k/upernet_convnextv2-base-fcmae_8xb2-160k_ade20k-512x512.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 2 images = 16.
Expected:   52.1 mIoU, multi-scale test (Table 7): mim test mmseg CONFIG
            --checkpoint FILE --tta
Weights:    the authors' fine-tuned weights, in the host's conversion
            (convnext-v2-base_fcmae-pre_3rdparty_in1k); licence CC-BY-NC 4.0.
            Of your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     A.4 of the paper, which starts from supervised weights. It sweeps
            layer decay over 0.8, 0.9, the rate over 1e-4, 2e-4, 3e-4 and drop
            path over 0.1 to 0.4 and does not say what it took; here 0.9, 1e-4
            and 0.4, those of ConvNeXt V1's released configs.
"""

_base_ = [
    '../_base_/models/upernet_convnextv2.py',
    '../_base_/datasets/ade20k_512.py',
    '../_base_/schedules/ade20k_160k.py',
    '../_base_/ade20k_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-base_fcmae-pre_3rdparty_in1k_20230104-00a70fa4.pth'
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        arch='base',
        drop_path_rate=0.4,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
    auxiliary_head=dict(in_channels=512),
)
