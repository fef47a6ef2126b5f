"""The authors' pre-training script, with MinkowskiEngine.

The stem is dense.
"""

from ..key_tables import Format, key_table
from .official import OFFICIAL_DECODER

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
