"""FCMAE with the decoder of the paper: one block, 512 wide (Table 1)."""

custom_imports = dict(
    imports=['mmpretrain_plugin'], allow_failed_imports=False
)
model = dict(
    type='FCMAE',
    mask_ratio=0.6,  # Table 8; Figure 8 has 0.1 to 0.9
    patch_size=32,
    encoding='packed',  # 'dense' gives the same numbers, more slowly
    backbone=dict(type='ConvNeXtV2', arch='tiny'),
    neck=dict(type='FCMAEDecoder', in_channels=768, embed_dim=512, depth=1),
    head=dict(type='FCMAEHead', norm_pix=True),
)
