"""Fine-tuning of ConvNeXt V2-Base on ImageNet-1K after MoCo V3.

Reproduces: appendix D of the paper, comparison with contrastive learning.
Expected:   83.7 top-1 (appendix D; FCMAE: 84.9).
Weights:    not released; train
            mocov3_convnextv2-base_64xb64-amp-coslr-300e_in1k first.
Values:     those of fine-tuning after FCMAE, so that only the pre-training
            differs. The paper does not state how it fine-tuned here.
"""

_base_ = '../imagenet/convnextv2-base-fcmae_32xb32-100e_in1k.py'

checkpoint = (
    'work_dirs/mocov3_convnextv2-base_64xb64-amp-coslr-300e_in1k/epoch_300.pth'
)
model = dict(
    backbone=dict(init_cfg=dict(checkpoint=checkpoint, prefix='backbone.'))
)
