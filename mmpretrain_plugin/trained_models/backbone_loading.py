"""The backbone of a trained model of any OpenMMLab library."""

from torch import nn

from ..checkpoint.conversion import to_weights
from ..checkpoint.errors import IncompleteCheckpointError
from ..checkpoint.key_tables import without_prefix
from ..checkpoint.pretrained import read_state_dict
from ..checkpoint.validation import OUTPUT_NORM
from ..checkpoint.weights import State
from .checkpoint_fit import (
    check_fit,
    is_of_another_format,
    naming_both,
)
from .config_files import read_config
from .model_building import build_model
from .pixel_normalization import PixelNormalization, find_normalization


def load_backbone(
    config: str, checkpoint: str, device: str = 'cpu'
) -> tuple[nn.Module, PixelNormalization]:
    """Build the backbone of a config and load all of its weights.

    Args:
        config: See :func:`read_config`.
        checkpoint: Path or address of a checkpoint in any format that
            ``mmpretrain_plugin.checkpoint`` reads.
        device: Device of the backbone.

    Returns:
        The backbone in evaluation mode, and the normalization of its input.

    Raises:
        ValueError: If the config cannot be read or has no backbone that can
            be built, or the checkpoint cannot be read or does not fill the
            backbone.
    """
    cfg = read_config(config)
    backbone = build_model(cfg.model.backbone, cfg, config)
    with naming_both(checkpoint, config):
        load_weights(backbone, read_state_dict(checkpoint))
    backbone.eval()  # MMPretrain's ConvNeXt returns None
    return backbone.to(device), find_normalization(cfg)


def load_weights(backbone: nn.Module, state: State) -> None:
    """Load a state dict into a backbone; all weights must be there.

    The norms of output stages may be missing or too many: they are behind the
    last block, and pre-training has none. A missing one becomes the identity.

    Args:
        backbone: A backbone of any library.
        state: State dict of the complete model, of the backbone, or of a
            ConvNeXt in another checkpoint format.

    Raises:
        CheckpointError: If weights are missing, unexpected, or of another
            shape.
    """
    if is_of_another_format(state):
        given = to_weights(state).backbone
    else:
        given = without_prefix(state, 'backbone.') or state
    expected = backbone.state_dict()
    if not expected.keys() & given.keys():
        raise IncompleteCheckpointError(
            f'it has no weights of {type(backbone).__name__}; its keys begin '
            f'with {", ".join(sorted(state)[:3])}'
        )
    check_fit(expected, given, OUTPUT_NORM.match)
    result = backbone.load_state_dict(given, strict=False)
    for norm in {name.split('.')[0] for name in result.missing_keys}:
        setattr(backbone, norm, nn.Identity())
