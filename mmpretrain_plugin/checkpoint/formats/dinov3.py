"""DINOv3's ConvNeXt: Meta's files, and those of transformers.

The blocks are those of ConvNeXt V1; there is no classifier.
"""

from ..architecture import Architecture
from ..errors import ConversionError
from ..key_tables import Format, key_table
from ..weights import State
from .official import OFFICIAL

LICENSE = (
    'DINOv3 License, '
    'https://ai.meta.com/resources/models-and-libraries/dinov3-license'
)


def repeat_norm(state: State, architecture: Architecture) -> State:
    """Store the last norm twice, because Meta's model has it twice.

    Raises:
        ConversionError: If there is none.
    """
    if 'norm.weight' not in state:
        raise ConversionError(
            'the dinov3 format has a norm of the last stage, which these '
            'weights do not have; choose the official format'
        )
    repeated = {
        f'norms.3.{key.removeprefix("norm.")}': value
        for key, value in state.items()
        if key.startswith('norm.')
    }
    return state | repeated


DINOV3 = Format(
    'dinov3',
    signature=r'(backbone\.)?norms\.3\.(weight|bias)',
    extends=OFFICIAL,
    # Meta's model has no norms of the other stages.
    backbone=tuple(
        row for row in OFFICIAL.backbone if not row.name.startswith('norm{s}')
    ),
    spellings=((r'^backbone\.', ''), (r'^norms\.3\.', 'norm.')),
    finish=repeat_norm,
    v1_only=True,
    license=LICENSE,
)

HUGGINGFACE_DINOV3 = Format(
    'huggingface-dinov3',
    signature=(
        r'(backbone\.)?(model\.)?'
        r'stages\.\d+\.layers\.\d+\.depthwise_conv\.weight'
    ),
    backbone=(
        *key_table('norm3.{p}    layer_norm.{p}'),
        *key_table(
            '{i}.{p}    {i}.{p}',
            'downsample_layers.{s}.',
            'stages.{s}.downsample_layers.',
        ),
        *key_table(
            """
            depthwise_conv.{p}     depthwise_conv.{p}
            norm.{p}               layer_norm.{p}
            pointwise_conv1.{p}    pointwise_conv1.{p}
            pointwise_conv2.{p}    pointwise_conv2.{p}
            gamma                  gamma
            """,
            'stages.{s}.{b}.',
            'stages.{s}.layers.{b}.',
        ),
    ),
    # UperNet has the model as an attribute, and transformers 5 its stages.
    spellings=((r'^(backbone\.)?(model\.)?', ''),),
    v1_only=True,
    license=LICENSE,
)
