"""A complete trained model of any OpenMMLab library."""

from torch import nn

from ..checkpoint.conversion import to_state_dict, to_weights
from ..checkpoint.pretrained import read_state_dict
from .checkpoint_fit import (
    check_fit,
    is_of_another_format,
    naming_both,
)
from .config_files import read_config
from .model_building import build_model
from .pixel_normalization import PixelNormalization, find_normalization


def load_model(
    config: str, checkpoint: str, device: str = 'cpu'
) -> tuple[nn.Module, PixelNormalization]:
    """Build the model of a config and load all of its weights.

    The libraries' own functions log what a checkpoint lacks, and go on.

    Args:
        config: See :func:`read_config`.
        checkpoint: Path or address of a checkpoint: of the complete model,
            or of a ConvNeXt classifier in any format that
            ``mmpretrain_plugin.checkpoint`` reads.
        device: Device of the model.

    Returns:
        The model in evaluation mode, and the normalization of its input.

    Raises:
        ValueError: If the config cannot be read or built, or the checkpoint
            cannot be read, or lacks weights of the model or has others.
    """
    cfg = read_config(config)
    # MMPretrain's tools find it beside the model.
    if 'data_preprocessor' in cfg:
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    model = build_model(cfg.model, cfg, config)
    load_checkpoint(model, checkpoint, config)
    return model.eval().to(device), find_normalization(cfg)


def load_checkpoint(model: nn.Module, checkpoint: str, config: str) -> None:
    """Load all weights of a model.

    Args:
        model: A model of any library.
        checkpoint: See :func:`load_model`.
        config: Where the model is from, for messages.

    Raises:
        ValueError: If the checkpoint cannot be read, or lacks weights of the
            model or has others; names the file.
    """
    with naming_both(checkpoint, config):
        state = read_state_dict(checkpoint)
        if is_of_another_format(state):
            state, _ = to_state_dict(to_weights(state), 'mmpretrain')
        check_fit(model.state_dict(), state)
    model.load_state_dict(state)
