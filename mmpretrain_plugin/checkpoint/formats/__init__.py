"""The checkpoint formats: names, keys and shapes in tables, a file each."""

from collections.abc import Mapping

from torch import Tensor

from ..errors import ConversionError
from ..key_tables import Format
from .dinov3 import DINOV3, HUGGINGFACE_DINOV3
from .huggingface import HUGGINGFACE
from .mmpretrain import MMPRETRAIN
from .official import OFFICIAL
from .official_sparse import SPARSE
from .timm import TIMM
from .torchvision import TORCHVISION

# A file of DINOv3 has all keys of the official format, and more.
FORMATS = {
    table.name: table
    for table in (
        MMPRETRAIN,
        DINOV3,
        OFFICIAL,
        SPARSE,
        TIMM,
        HUGGINGFACE,
        HUGGINGFACE_DINOV3,
        TORCHVISION,
    )
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
