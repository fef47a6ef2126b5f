"""UperNet with ConvNeXt V1-Base on ADE20K, initialized by DINOv3.

Reproduces: nothing in the paper, which is older than DINOv3 (arXiv
            2508.10104).
Expected:   unknown.
Weights:    DINOv3's ConvNeXt V1-Base, available on request from Meta at
            https://github.com/facebookresearch/dinov3; put the file in
            weights/, or set model.backbone.init_cfg.checkpoint to your file of
            any format; DINOv3 License.
Values:     section A.4, as the other configs here; not tuned for these
            weights. A learning rate of 1e-4 and drop path of 0.4 are those of
            ConvNeXt V1's released configs, and so is the number of the layer
            decay, 0.9, which is per block here and per group of blocks there.
"""

_base_ = [
    '../_base_/models/upernet_convnextv2.py',
    '../_base_/datasets/ade20k_512.py',
    '../_base_/schedules/ade20k_160k.py',
    '../_base_/ade20k_runtime.py',
]

checkpoint = 'weights/dinov3_convnext_base_pretrain_lvd1689m-801f2ba9.pth'
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        arch='base',
        use_grn=False,
        layer_scale_init_value=1e-6,
        drop_path_rate=0.4,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
    auxiliary_head=dict(in_channels=512),
)
