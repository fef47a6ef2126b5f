"""Mask R-CNN with Swin-Base on COCO, after SimMIM.

Reproduces: Table 6 of the paper, Swin-B, SimMIM.
Expected:   52.3 box AP on val2017 (Table 6), from SimMIM's authors.
Weights:    simmim_swin-base_16xb128-amp-coslr-800e_in1k-192, trained by
            OpenMMLab with the recipe of the pre-training in this folder;
            license Apache 2.0, that of MMPretrain.
Values:     our recipe of ConvNeXt V2-Base, so that only the backbone differs;
            SimMIM's authors trained with their own. Windows of 7 give the
            operations that the paper prints. The bias of relative positions
            does not decay, as in SimMIM and Swin.
"""

_base_ = '../coco/mask-rcnn_convnextv2-base-fcmae_fpn_8xb4-lsj-3x_coco.py'

checkpoint = 'https://mmassets.onedl.ai/mmselfsup/1.x/simmim/simmim_swin-base_16xb128-amp-coslr-800e_in1k-192/simmim_swin-base_16xb128-amp-coslr-800e_in1k-192_20220916-a0e931ac.pth'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.SwinTransformerAnyWindow',
        arch='base',
        drop_path_rate=0.4,
        out_indices=(0, 1, 2, 3),
        pad_small_map=True,
        stage_cfgs=dict(block_cfgs=dict(window_size=7)),
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.'
        ),
    ),
)
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={'relative_position_bias_table': dict(decay_mult=0.0)}
    )
)
