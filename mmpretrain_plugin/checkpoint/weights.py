"""Weights under our names, and what their names and shapes tell."""

import re
from dataclasses import dataclass, field

from torch import Tensor

from .errors import ConversionError

State = dict[str, Tensor]


@dataclass
class Weights:
    """Weights under our names, and what a reader should know of them.

    Attributes:
        state: Tensors by mmpretrain's names: 'backbone.', 'head.fc.',
            'neck.'.
        layout: Name of the layout they came in.
        others: Keys of other parts (a detector's heads), which are left out.
    """

    state: State
    layout: str
    others: list[str] = field(default_factory=list)

    @property
    def depths(self) -> tuple[int, ...]:
        """Blocks per stage."""
        found: dict[int, int] = {}
        for key in self.state:
            if m := re.match(r'backbone\.stages\.(\d{1,4})\.(\d{1,4})\.', key):
                stage, number = int(m[1]), int(m[2])
                found[stage] = max(found.get(stage, 0), number + 1)
        depths = [found.get(s, 0) for s in range(max(found, default=0) + 1)]
        if max(found, default=0) + sum(depths) > len(self.state):
            raise ConversionError('blocks are counted beyond the file')
        return tuple(depths)

    @property
    def channels(self) -> tuple[int, ...]:
        """Width of every stage."""
        return tuple(
            next(
                (
                    self.state[name].numel()
                    for b in range(depth)
                    if (name := f'backbone.stages.{s}.{b}.norm.weight')
                    in self.state
                ),
                0,
            )
            for s, depth in enumerate(self.depths)
        )

    @property
    def backbone(self) -> State:
        """The tensors of the backbone, by names without its prefix."""
        start = 'backbone.'
        return {
            key.removeprefix(start): value
            for key, value in self.state.items()
            if key.startswith(start)
        }

    @property
    def stem(self) -> Tensor:
        """Weight of the stem, (channels, in_channels, patch, patch)."""
        return self.state['backbone.downsample_layers.0.0.weight']

    @property
    def has_grn(self) -> bool:
        """Whether it is ConvNeXt V2."""
        return self._has(r'grn\.gamma')

    @property
    def has_scale(self) -> bool:
        """Whether blocks have a layer scale, as those of ConvNeXt V1."""
        return self._has('gamma')

    def _has(self, part: str) -> bool:
        name = re.compile(rf'backbone\.stages\.\d+\.\d+\.{part}')
        return any(name.fullmatch(key) for key in self.state)
