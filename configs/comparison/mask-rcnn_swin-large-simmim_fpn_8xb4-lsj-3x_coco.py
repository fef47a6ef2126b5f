"""Mask R-CNN with Swin-Large on COCO, after SimMIM.

Reproduces: Table 6 of the paper, Swin-L, SimMIM.
Expected:   53.8 box AP on val2017 (Table 6), from SimMIM's authors.
Weights:    simmim_swin-large_16xb128-amp-coslr-800e_in1k-192, trained by
            OpenMMLab with the recipe of the pre-training in this folder;
            license Apache 2.0, that of MMPretrain.
Values:     our recipe of ConvNeXt V2-Large, so that only the backbone differs;
            SimMIM's authors trained with their own. Windows of 7 give the
            operations that the paper prints. The bias of relative positions
            does not decay, as in SimMIM and Swin.
"""

_base_ = './mask-rcnn_swin-base-simmim_fpn_8xb4-lsj-3x_coco.py'

checkpoint = 'https://mmassets.onedl.ai/mmselfsup/1.x/simmim/simmim_swin-large_16xb128-amp-coslr-800e_in1k-192/simmim_swin-large_16xb128-amp-coslr-800e_in1k-192_20220916-4ad216d3.pth'
model = dict(
    backbone=dict(
        arch='large',
        drop_path_rate=0.5,
        init_cfg=dict(checkpoint=checkpoint),
    ),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)
