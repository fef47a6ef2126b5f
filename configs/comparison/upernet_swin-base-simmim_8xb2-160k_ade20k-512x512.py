"""UperNet with Swin-Base on ADE20K, after SimMIM and fine-tuning.

Reproduces: Table 7 of the paper, Swin-B, SimMIM, 512x512.
Expected:   52.8 mIoU (Table 7), from SimMIM's authors.
Weights:    swin-base_ft-8xb256-coslr-100e_in1k-224, fine-tuned by OpenMMLab
            with swin-base-w7_simmim-800e-pre_8xb256-coslr-100e_in1k; license
            Apache 2.0, that of MMPretrain.
Values:     our recipe of ConvNeXt V2-Base, so that only the backbone differs;
            SimMIM's authors trained with their own. Windows of 7 give the
            operations that the paper prints. The bias of relative positions
            does not decay, as in SimMIM and Swin.
"""

_base_ = '../ade20k/upernet_convnextv2-base-fcmae_8xb2-160k_ade20k-512x512.py'

checkpoint = 'https://mmassets.onedl.ai/mmselfsup/1.x/simmim/simmim_swin-base_16xb128-amp-coslr-800e_in1k-192/swin-base_ft-8xb256-coslr-100e_in1k-224/swin-base_ft-8xb256-coslr-100e_in1k-224_20221208-155cc6e6.pth'
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
