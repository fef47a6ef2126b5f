"""Cascade Mask R-CNN with ConvNeXt V1-Tiny on COCO, initialized by DINOv3.

Reproduces: nothing in the paper, which has no cascade.
Expected:   unknown.
Weights:    DINOv3's ConvNeXt V1-Tiny, available on request from Meta at
            https://github.com/facebookresearch/dinov3; put the file in
            weights/, or set model.backbone.init_cfg.checkpoint to your file of
            any format; DINOv3 License.
Values:     those of mask-rcnn_convnext-tiny-dinov3_fpn_8xb4-lsj-3x_coco;
            the heads are those of MMDetection's Cascade Mask R-CNN.
"""

_base_ = [
    '../_base_/models/cascade-mask-rcnn_convnextv2_fpn_lsj.py',
    '../_base_/datasets/coco_lsj.py',
    '../_base_/schedules/coco_3x.py',
    '../_base_/coco_runtime.py',
]

checkpoint = 'weights/dinov3_convnext_tiny_pretrain_lvd1689m-21b726bb.pth'
model = dict(
    backbone=dict(
        arch='tiny',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.3,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
