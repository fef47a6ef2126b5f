"""FCMAE with the decoder of section 3: one block of width 512.

Section 3 calls the decoder "a plain ConvNeXt block". It is a ConvNeXt V2 block
here, with GRN, as in the released code.
"""

custom_imports = dict(
    imports=['mmpretrain_plugin'], allow_failed_imports=False
)
model = dict(
    type='FCMAE',
    mask_ratio=0.6,  # section 3; Figure 8 compares 0.1 to 0.9
    patch_size=32,
    encoding='packed',  # 'dense' computes the same, more slowly
    backbone=dict(type='ConvNeXtV2', arch='tiny'),
    neck=dict(type='FCMAEDecoder', in_channels=768, embed_dim=512, depth=1),
    head=dict(type='FCMAEHead', norm_pix=True),
)
