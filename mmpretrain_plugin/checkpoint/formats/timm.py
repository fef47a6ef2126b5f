"""timm's models and its feature extractor."""

import re

from ..architecture import Architecture
from ..key_tables import Format, key_table
from ..weights import State

TIMM_BLOCK = """
    depthwise_conv.{p}     conv_dw.{p}
    norm.{p}               norm.{p}
    pointwise_conv1.{p}    mlp.fc1.{p}       linear
    grn.gamma              mlp.grn.weight
    grn.beta               mlp.grn.bias
    pointwise_conv2.{p}    mlp.fc2.{p}       linear
    gamma                  gamma
"""


def finish_timm(state: State, architecture: Architecture) -> State:
    """Shape the MLPs of timm's four smallest models as 1x1 convolutions."""
    # Depths of atto, femto and pico, and of nano.
    if architecture.depths not in ((2, 2, 6, 2), (2, 2, 8, 2)):
        return state
    mlp = re.compile(r'.*\.mlp\.fc[12]\.weight')
    return {
        key: value[..., None, None] if mlp.fullmatch(key) else value
        for key, value in state.items()
    }


TIMM = Format(
    'timm',
    signature=r'stages[._]\d+\.blocks\.\d+\.conv_dw\.weight',
    backbone=(
        *key_table("""
            downsample_layers.0.{i}.{p}      stem.{i}.{p}
            downsample_layers.{s}.{i}.{p}    stages.{s}.downsample.{i}.{p}
            norm3.{p}                        head.norm.{p}
        """),
        *key_table(TIMM_BLOCK, 'stages.{s}.{b}.', 'stages.{s}.blocks.{b}.'),
    ),
    classifier=key_table('fc.{p}    head.fc.{p}'),
    # timm's feature extractor has stem_0 and stages_1.
    spellings=((r'^(stem|stages)_(\d+)\.', r'\1.\2.'),),
    container='state_dict',
    finish=finish_timm,
)
