"""BEiT pre-training of ViT-Large on ImageNet-1K, 800 epochs.

Reproduces: Table 4 of the paper, ViT-L, BEiT.
Expected:   85.2 top-1 after fine-tuning (Table 4).
Then:       fine-tune with beit-large-p16_beit-800e-pre_8xb128-coslr-50e_in1k.
Weights:    none; randomly initialized.
Values:     those of base, for which MMPretrain has a recipe; the initial value
            of the layer scale from the code of BEiT's authors.
"""

_base_ = './beit_beit-base-p16_8xb256-amp-coslr-800e_in1k.py'

model = dict(
    backbone=dict(arch='large', layer_scale_init_value=1e-5),
    head=dict(embed_dims=1024),
)
