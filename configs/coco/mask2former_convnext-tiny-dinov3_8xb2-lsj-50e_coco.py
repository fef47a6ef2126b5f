"""Mask2Former with ConvNeXt V1-Tiny on COCO, initialized by DINOv3.

Reproduces: nothing in the paper, which has no Mask2Former.
Expected:   unknown.
Weights:    DINOv3's ConvNeXt V1-Tiny, available on request from Meta at
            https://github.com/facebookresearch/dinov3; put the file in
            weights/, or set model.backbone.init_cfg.checkpoint to your file of
            any format; DINOv3 License.
Values:     MMDetection's config for ResNet-50: learning rate 1e-4, a tenth of
            it for the backbone, 50 epochs. Drop path of 0.3 is that of its
            configs for Swin. Not tuned for these weights.
"""

_base_ = '../_base_/models/mask2former_convnextv2_coco.py'

checkpoint = 'weights/dinov3_convnext_tiny_pretrain_lvd1689m-21b726bb.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        use_grn=False,
        layer_scale_init_value=1e-6,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    panoptic_head=dict(in_channels=[96, 192, 384, 768]),
)
