"""Checkpoints of MMPretrain, MMDetection and MMSegmentation."""

from ..key_tables import Format, key_table

MMPRETRAIN = Format(
    'mmpretrain',
    signature=r'(backbone\.)?stages\.\d+\.\d+\.depthwise_conv\.weight',
    backbone=key_table('{name}    backbone.{name}'),
    classifier=key_table('fc.{p}    head.fc.{p}'),
    decoder=key_table('{name}    neck.{name}'),
    # A backbone saved by itself.
    spellings=((r'^(?=(downsample_layers|stages|norm\d)\b)', 'backbone.'),),
    container='state_dict',
)
