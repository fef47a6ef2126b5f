"""UperNet with ConvNeXt V2-Huge on ADE20K at 640 after ImageNet-22K.

Reproduces: Table 7 of the paper, ConvNeXt V2-H, FCMAE, 22K ft, 640x640.
Expected:   57.0 mIoU with the multi-scale test (Table 7), if initialized
            without the ImageNet-1K step; see Weights.
Weights:    convnext-v2-huge_fcmae-in21k-pre_3rdparty_in1k-512px, the release
            of the authors converted by OpenMMLab; license CC-BY-NC 4.0. The
            paper starts from ImageNet-22K fine-tuning without this step on
            ImageNet-1K (caption of Table 7). Those weights are not released:
            train convnextv2-huge-fcmae_64xb64-90e_in22k-384px and add
            --cfg-options model.backbone.init_cfg.checkpoint=FILE for the
            procedure of the paper.
Values:     section A.4, which sweeps layer decay over 0.8 and 0.9, the
            learning rate over 1e-4, 2e-4 and 3e-4 and drop path over 0.1 to
            0.4 without stating the best: 0.9, 1e-4 and 0.4 are our choice.
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
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[352, 704, 1408, 2816]),
    auxiliary_head=dict(in_channels=1408),
)
