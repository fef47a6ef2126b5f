"""The architecture of a backbone, read from its weights."""

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from .errors import IncompleteCheckpointError

# Parts of a block whose first side is the width of the stage.
WIDE = re.compile(
    r'(norm|depthwise_conv|pointwise_conv2)\.(weight|bias)|gamma'
)


@dataclass(frozen=True)
class Architecture:
    """Arguments of ``ConvNeXtV2`` that determine names and shapes.

    Attributes:
        depths: Blocks per stage.
        channels: Width of each stage.
        in_channels: Channels of the input images.
        stem_patch_size: Kernel size and stride of the stem.
        use_grn: Whether blocks have GRN, as ConvNeXt V2.
        layer_scale: Whether blocks have a layer scale, as ConvNeXt V1.
    """

    depths: tuple[int, ...]
    channels: tuple[int, ...]
    in_channels: int = 3
    stem_patch_size: int = 4
    use_grn: bool = True
    layer_scale: bool = False

    def __str__(self) -> str:
        """Describe the architecture in an error message."""
        return (
            f'depths {self.depths}, channels {self.channels}, '
            f'in_channels {self.in_channels}, use_grn {self.use_grn}, '
            f'layer_scale {self.layer_scale}'
        )

    def backbone_config(self, **options: object) -> dict:
        """Return the config of a backbone, with more options of it."""
        return dict(
            type='mmpretrain.ConvNeXtV2',
            arch=dict(depths=self.depths, channels=self.channels),
            in_channels=self.in_channels,
            stem_patch_size=self.stem_patch_size,
            use_grn=self.use_grn,
            layer_scale_init_value=float(self.layer_scale),
            **options,
        )


def infer_architecture(backbone: Mapping[str, Tensor]) -> Architecture:
    """Return the architecture that the weights of a backbone belong to.

    A tensor of a wrong shape does not change the result as long as most of
    its stage agree.

    Args:
        backbone: State dict of a ``ConvNeXtV2``, perhaps incomplete.

    Returns:
        The architecture.

    Raises:
        IncompleteCheckpointError: If a stage has no block, or block numbers
            exceed the number of tensors.
    """
    depths: dict[int, int] = {}
    widths: dict[int, list[int]] = {}
    parts = set()
    for name, value in backbone.items():
        match = re.fullmatch(r'stages\.(\d{1,4})\.(\d{1,4})\.(.+)', name)
        if not match:
            continue
        stage, block, part = int(match[1]), int(match[2]), match[3]
        depths[stage] = max(depths.get(stage, 0), block + 1)
        parts.add(part)
        if WIDE.fullmatch(part) and value.dim():
            widths.setdefault(stage, []).append(value.shape[0])
    stages = range(max(depths, default=0) + 1)
    if len(stages) + sum(depths.values()) > len(backbone) + 1:
        raise IncompleteCheckpointError(
            f'stages or blocks are numbered up to stages.{stages[-1]} and '
            f'{max(depths.values(), default=0) - 1}, which exceeds the '
            f'{len(backbone)} tensors of the backbone'
        )
    channels = tuple(statistics.mode(widths.get(s) or [0]) for s in stages)
    empty = [f'stages.{s}' for s in stages if not channels[s]]
    if empty:
        raise IncompleteCheckpointError(
            f'weights of {", ".join(empty)} are missing'
        )
    stem = backbone.get('downsample_layers.0.0.weight')
    has_stem = stem is not None and stem.dim() == 4
    return Architecture(
        depths=tuple(depths[s] for s in stages),
        channels=channels,
        in_channels=stem.shape[1] if has_stem else 3,
        stem_patch_size=stem.shape[2] if has_stem else 4,
        use_grn='grn.gamma' in parts,
        layer_scale='gamma' in parts,
    )
