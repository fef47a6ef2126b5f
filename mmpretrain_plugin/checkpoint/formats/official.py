"""The authors' released weights and fine-tuning script."""

from ..key_tables import Format, key_table

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
