"""ImageNet-1K for FCMAE: crops of 224x224 and flips; labels are not used.

The crop scale (0.2, 1), bicubic interpolation and the flip follow the released
code and equal MMPretrain's pipeline for MAE. The paper states only random
resized cropping (section 3, Table 8).
"""

_base_ = 'mmpretrain::_base_/datasets/imagenet_bs512_mae.py'

train_dataloader = dict(
    batch_size=64,
    # Inherited, it has the scope of MMPretrain as an argument (`_scope_`),
    # which mmengine passes to the function and does not remove.
    collate_fn=dict(_delete_=True, type='default_collate'),
)
