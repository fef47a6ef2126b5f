"""The checkpoint formats: names, keys and shapes in tables."""

import re
from collections.abc import Mapping

from torch import Tensor

from .architecture import Architecture
from .errors import ConversionError
from .key_tables import Format, key_table
from .weights import State

# What MMPretrain, MMDetection and MMSegmentation save.
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

OFFICIAL_BLOCK = """
    depthwise_conv.{p}     dwconv.{p}
    norm.{p}               norm.{p}
    pointwise_conv1.{p}    pwconv1.{p}    linear
    grn.gamma              grn.gamma      (1, 1, 1, C)
    grn.beta               grn.beta       (1, 1, 1, C)
    pointwise_conv2.{p}    pwconv2.{p}    linear
    gamma                  gamma          vector
"""
OFFICIAL_DECODER = (
    *key_table("""
        proj.{p}      proj.{p}
        mask_token    mask_token
        pred.{p}      pred.{p}
    """),
    *key_table(OFFICIAL_BLOCK, 'decoder.{b}.', 'decoder.{b}.'),
)

# The authors' released weights and fine-tuning script.
OFFICIAL = Format(
    'official',
    signature=r'(backbone\.)?stages\.\d+\.\d+\.dwconv\.weight',
    backbone=(
        *key_table("""
            downsample_layers.{s}.{i}.{p}    downsample_layers.{s}.{i}.{p}
            norm3.{p}                        norm.{p}
            norm{s}.{p}                      norm{s}.{p}
        """),
        *key_table(OFFICIAL_BLOCK, 'stages.{s}.{b}.', 'stages.{s}.{b}.'),
    ),
    classifier=key_table('fc.{p}    head.{p}'),
    decoder=OFFICIAL_DECODER,
    # The detectors and segmentors released with ConvNeXt V1.
    spellings=((r'^backbone\.', ''),),
    container='model',
)

SPARSE_BLOCK = """
    depthwise_conv.weight    dwconv.kernel         depthwise kernel
    depthwise_conv.bias      dwconv.bias           (1, C)
    norm.{p}                 norm.ln.{p}
    pointwise_conv1.{p}      pwconv1.linear.{p}
    grn.gamma                grn.gamma             (1, C)
    grn.beta                 grn.beta              (1, C)
    pointwise_conv2.{p}      pwconv2.linear.{p}
"""
SPARSE_DOWNSAMPLING = """
    0.{i}.{p}         0.{i}.{p}
    {s}.0.{p}         {s}.0.ln.{p}
    {s}.1.weight      {s}.1.kernel    kernel
    {s}.1.bias        {s}.1.bias      (1, C)
"""

# The authors' pre-training script, with MinkowskiEngine; the stem is dense.
SPARSE = Format(
    'official-sparse',
    signature=r'encoder\.stages\.\d+\.\d+\.dwconv\.kernel',
    backbone=(
        *key_table(
            SPARSE_DOWNSAMPLING,
            'downsample_layers.',
            'encoder.downsample_layers.',
        ),
        *key_table(SPARSE_BLOCK, 'stages.{s}.{b}.', 'encoder.stages.{s}.{b}.'),
    ),
    decoder=OFFICIAL_DECODER,
    container='model',
)

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
        r'(convnext(v2)?\.)?encoder\.stages\.\d+\.layers\.\d+\.dwconv\.weight'
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
    # ...ForImageClassification has the model as an attribute.
    spellings=((r'^convnext(v2)?\.', ''),),
    finish=finish_huggingface,
)

FORMATS = {
    table.name: table
    for table in (MMPRETRAIN, OFFICIAL, SPARSE, TIMM, HUGGINGFACE)
}


def detect_format(state_dict: Mapping[str, Tensor]) -> Format:
    """Return the format of a state dict.

    Raises:
        ConversionError: If it is in no known format.
    """
    for table in FORMATS.values():
        if table.matches(state_dict):
            return table
    raise ConversionError(
        f'it is no ConvNeXt in a known format ({", ".join(FORMATS)}); its '
        f'keys begin with {", ".join(sorted(state_dict)[:3]) or "nothing"}; '
        'remove what precedes the names, or choose another state dict of the '
        'file with --key of tools/convert_checkpoint.py'
    )
