"""ConvNeXt V1 and V2 of transformers."""

import re

from ..architecture import Architecture
from ..errors import ConversionError
from ..key_tables import Format, key_table
from ..weights import State

HUGGINGFACE_BLOCK = """
    depthwise_conv.{p}     dwconv.{p}
    norm.{p}               layernorm.{p}
    pointwise_conv1.{p}    pwconv1.{p}
    grn.gamma              grn.weight               (1, 1, 1, C)
    grn.beta               grn.bias                 (1, 1, 1, C)
    pointwise_conv2.{p}    pwconv2.{p}
    gamma                  layer_scale_parameter
"""


def finish_huggingface(state: State, architecture: Architecture) -> State:
    """Use the keys of the class of transformers that the weights fit.

    That is ...Backbone if all stages have norms, ...ForImageClassification if
    there is a classifier, and ...Model otherwise.

    Raises:
        ConversionError: If no class of transformers has such blocks.
    """
    if architecture.use_grn == architecture.layer_scale:
        raise ConversionError(
            'transformers has blocks with GRN or with layer scale; these have '
            + ('both' if architecture.use_grn else 'neither')
        )
    norms = 'hidden_states_norms.stage'
    if any(key.startswith(norms) for key in state):
        return {
            re.sub(r'^layernorm\.', f'{norms}4.', key): value
            for key, value in state.items()
        }
    if 'classifier.weight' not in state:
        return state
    model = 'convnextv2.' if architecture.use_grn else 'convnext.'
    return {
        key if key.startswith('classifier.') else model + key: value
        for key, value in state.items()
    }


HUGGINGFACE = Format(
    'huggingface',
    signature=(
        r'((convnext(v2)?|backbone)\.)?'
        r'encoder\.stages\.\d+\.layers\.\d+\.dwconv\.weight'
    ),
    # ...Backbone has a norm of each stage and counts stages from one.
    backbone=(
        *key_table("""
            downsample_layers.0.0.{p}    embeddings.patch_embeddings.{p}
            downsample_layers.0.1.{p}    embeddings.layernorm.{p}
            norm3.{p}                    layernorm.{p}
            norm0.{p}                    hidden_states_norms.stage1.{p}
            norm1.{p}                    hidden_states_norms.stage2.{p}
            norm2.{p}                    hidden_states_norms.stage3.{p}
            norm3.{p}                    hidden_states_norms.stage4.{p}
        """),
        *key_table(
            '{i}.{p}    {i}.{p}',
            'downsample_layers.{s}.',
            'encoder.stages.{s}.downsampling_layer.',
        ),
        *key_table(
            HUGGINGFACE_BLOCK,
            'stages.{s}.{b}.',
            'encoder.stages.{s}.layers.{b}.',
        ),
    ),
    classifier=key_table('fc.{p}    classifier.{p}'),
    # ...ForImageClassification and UperNet have the model as an attribute.
    spellings=((r'^(convnext(v2)?|backbone)\.', ''),),
    finish=finish_huggingface,
)
