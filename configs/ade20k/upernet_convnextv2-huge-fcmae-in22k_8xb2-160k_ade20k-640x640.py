"""UperNet with ConvNeXt V2-Huge on ADE20K at 640 after ImageNet-22K.

Reproduces: Table 7 of the paper, ConvNeXt V2-H, FCMAE, 22K ft, 640x640.
Command:    mim train mmseg \
                configs/ade20k/upernet_convnextv2-huge-fcmae-in22k_8xb2-160k_ade20k-640x640.py \
                --launcher pytorch --gpus 8
Hardware:   8 GPUs x 2 images = 16.
Expected:   57.0 mIoU, multi-scale test (Table 7): mim test mmseg CONFIG
            --checkpoint FILE --tta
Weights:    the authors' weights fine-tuned on ImageNet-22K, then on
            ImageNet-1K at 512, in the host's conversion
            (convnext-v2-huge_fcmae-in21k-pre_3rdparty_in1k-512px); licence
            CC-BY-NC 4.0. Of your own:
            --cfg-options model.backbone.init_cfg.checkpoint=FILE
Values:     A.4 of the paper, which starts from supervised weights. It sweeps
            layer decay over 0.8, 0.9, the rate over 1e-4, 2e-4, 3e-4 and drop
            path over 0.1 to 0.4 and does not say what it took; here 0.9, 1e-4
            and 0.4, a choice. Which of its weights it took is unknown: those
            nearest in resolution.
"""

_base_ = [
    '../_base_/models/upernet_convnextv2.py',
    '../_base_/datasets/ade20k_640.py',
    '../_base_/schedules/ade20k_160k.py',
    '../_base_/ade20k_runtime.py',
]

checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-huge_fcmae-in21k-pre_3rdparty_in1k-512px_20230104-ce32e63c.pth'
model = dict(
    data_preprocessor=dict(size=(640, 640)),
    backbone=dict(
        arch='huge',
        drop_path_rate=0.4,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
    decode_head=dict(in_channels=[352, 704, 1408, 2816]),
    auxiliary_head=dict(in_channels=1408),
)
