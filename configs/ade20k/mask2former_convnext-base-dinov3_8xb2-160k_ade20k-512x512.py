"""Mask2Former with ConvNeXt V1-Base on ADE20K, initialized by DINOv3.

Reproduces: nothing in the paper, which has no Mask2Former.
Expected:   unknown.
Weights:    DINOv3's ConvNeXt V1-Base, available on request from Meta at
            https://github.com/facebookresearch/dinov3; put the file in
            weights/, or set model.backbone.init_cfg.checkpoint to your file of
            any format; DINOv3 License.
Values:     MMSegmentation's config for ResNet-50: learning rate 1e-4, a tenth
            of it for the backbone, 160K iterations. Drop path of 0.3 is that
            of its configs for Swin. Not tuned for these weights.
"""

_base_ = '../_base_/models/mask2former_convnextv2_ade20k.py'

checkpoint = 'weights/dinov3_convnext_base_pretrain_lvd1689m-801f2ba9.pth'
model = dict(
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
)
