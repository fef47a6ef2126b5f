"""BEiT pre-training of ViT-Base on ImageNet-1K, 800 epochs.

Reproduces: Table 4 of the paper, ViT-B, BEiT.
Expected:   83.2 top-1 after fine-tuning (Table 4).
Then:       fine-tune with beit-base-p16_beit-800e-pre_8xb128-coslr-100e_in1k.
Weights:    none; randomly initialized. OpenMMLab released weights after 300
            epochs, beit_vit-base-p16_8xb256-amp-coslr-300e_in1k; license
            Apache 2.0, that of MMPretrain.
Values:     MMPretrain's recipe, which has 300 epochs; the 800 epochs are those
            of Table 4 and of BEiT's authors. The tokenizer, DALL-E's, is
            downloaded from OpenMMLab.
"""

_base_ = [
    'mmpretrain::beit/beit_beit-base-p16_8xb256-amp-coslr-300e_in1k.py',
    '../_base_/checked_runner.py',
]

default_hooks = dict(input_check=dict(type='InputCheckHook'))
max_epochs = 800
train_dataloader = dict(
    dataset=dict(ann_file=''),  # classes are folders
    collate_fn=dict(_delete_=True, type='default_collate'),
)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        begin=10,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
