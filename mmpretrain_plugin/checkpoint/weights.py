"""Weights under this project's names, whatever format they came in."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from .architecture import Architecture, infer_architecture

State = dict[str, Tensor]

PARTS = ('backbone', 'classifier', 'decoder')


@dataclass
class Weights:
    """State dicts of the parts of a model; an empty one means no such part.

    Attributes:
        backbone: State dict of ``ConvNeXtV2``.
        classifier: State dict of MMPretrain's ``LinearClsHead``.
        decoder: State dict of ``FCMAEDecoder``.
        source_format: Name of the checkpoint format they came in.
        others: Keys of other parts of the model, such as a detector's heads,
            which are left out.
    """

    backbone: State = field(default_factory=dict)
    classifier: State = field(default_factory=dict)
    decoder: State = field(default_factory=dict)
    source_format: str = 'mmpretrain'
    others: list[str] = field(default_factory=list)

    @property
    def architecture(self) -> Architecture:
        """The architecture of the backbone."""
        return infer_architecture(self.backbone)

    def items(self) -> Iterator[tuple[str, str, Tensor]]:
        """Yield part, name and tensor of every weight."""
        for part in PARTS:
            for name, value in getattr(self, part).items():
                yield part, name, value

    def by_name(self) -> State:
        """Return one dict with names such as 'classifier.fc.weight'."""
        return {f'{part}.{name}': value for part, name, value in self.items()}
