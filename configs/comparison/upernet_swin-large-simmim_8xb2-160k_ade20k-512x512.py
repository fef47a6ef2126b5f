"""UperNet with Swin-Large on ADE20K, after SimMIM and fine-tuning.

Reproduces: Table 7 of the paper, Swin-L, SimMIM, 512x512.
Expected:   53.5 mIoU (Table 7), from SimMIM's authors.
Weights:    swin-large_ft-8xb256-coslr-ws14-100e_in1k-224, fine-tuned by
            OpenMMLab with
            swin-large-w14_simmim-800e-pre_8xb256-coslr-100e_in1k; license
            Apache 2.0, that of MMPretrain.
Values:     our recipe of ConvNeXt V2-Large, so that only the backbone differs;
            SimMIM's authors trained with their own. Windows of 7 give the
            operations that the paper prints. The bias of relative positions
            does not decay, as in SimMIM and Swin.
"""

_base_ = './upernet_swin-base-simmim_8xb2-160k_ade20k-512x512.py'

checkpoint = 'https://mmassets.onedl.ai/mmselfsup/1.x/simmim/simmim_swin-large_16xb128-amp-coslr-800e_in1k-192/swin-large_ft-8xb256-coslr-ws14-100e_in1k-224/swin-large_ft-8xb256-coslr-ws14-100e_in1k-224_20220916-d4865790.pth'
model = dict(
    backbone=dict(arch='large', init_cfg=dict(checkpoint=checkpoint)),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
    auxiliary_head=dict(in_channels=768),
)
