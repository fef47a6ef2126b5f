"""torchvision's ConvNeXt."""

from ..key_tables import Format, key_table

BLOCK = """
    depthwise_conv.{p}     block.0.{p}
    norm.{p}               block.2.{p}
    pointwise_conv1.{p}    block.3.{p}
    pointwise_conv2.{p}    block.5.{p}
    gamma                  layer_scale    (C, 1, 1)
"""
STAGES = range(4)  # down-sampling and blocks alternate in one sequence

TORCHVISION = Format(
    'torchvision',
    signature=r'features\.\d+\.\d+\.block\.0\.weight',
    backbone=(
        *key_table('norm3.{p}    classifier.0.{p}'),
        *(
            row
            for s in STAGES
            for row in (
                *key_table(
                    '{i}.{p}    {i}.{p}',
                    f'downsample_layers.{s}.',
                    f'features.{2 * s}.',
                ),
                *key_table(
                    BLOCK,
                    f'stages.{s}.{{b}}.',
                    f'features.{2 * s + 1}.{{b}}.',
                ),
            )
        ),
    ),
    classifier=key_table('fc.{p}    classifier.2.{p}'),
    v1_only=True,
)
