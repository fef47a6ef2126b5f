"""UperNet with ConvNeXt V1-Base on ADE20K, supervised start.

Reproduces: Table 7 of the paper, ConvNeXt V1-B, supervised, 512x512.
Command:    mim train mmseg \
                configs/ade20k/upernet_convnext-base_8xb2-160k_ade20k-512x512.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 2 images = 16.
Expected:   49.9 mIoU, multi-scale test (Table 7): mim test mmseg CONFIG
            --checkpoint FILE --tta
Weights:    V1's authors', in the host's conversion
            (convnext-base_3rdparty_in1k); licence MIT. Of your own:
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

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext/convnext-base_3rdparty_32xb128_in1k_20220124-d0915162.pth'
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.4,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
    auxiliary_head=dict(in_channels=512),
)
