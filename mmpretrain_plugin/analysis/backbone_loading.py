"""A trained backbone of any OpenMMLab library, and its input."""

from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from ..checkpoint.conversion import to_weights
from ..checkpoint.errors import (
    CheckpointError,
    CheckpointFileError,
    ConversionError,
    IncompleteCheckpointError,
)
from ..checkpoint.formats import detect_format
from ..checkpoint.key_tables import without_prefix
from ..checkpoint.pretrained import read_state_dict
from ..checkpoint.validation import OUTPUT_NORM, describe
from ..checkpoint.weights import State


class PixelNormalization(NamedTuple):
    """Normalization of pixels that a config's data preprocessor does.

    Attributes:
        mean: Mean of each channel, in [0, 255].
        std: Standard deviation of each channel.
        to_rgb: Whether the model expects RGB, or BGR.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    to_rgb: bool = False

    def __call__(self, images: Tensor) -> Tensor:
        """Normalize RGB images, uint8 (N, 3, H, W), to fp32."""
        pixels = images.float()
        if not self.to_rgb:
            pixels = pixels.flip(1)
        mean, std = (
            torch.tensor(values, device=images.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        return (pixels - mean) / std


def read_config(path: str) -> Config:
    """Read a config from a file, or of a library ('mmpretrain::mae/...').

    Raises:
        ValueError: If there is no such config or it has no backbone.
    """
    if '::' in path:
        try:
            cfg = get_config(path)
        except Exception as error:  # each part of an address fails elsewhere
            raise ValueError(
                f'{path} is no config of an installed library '
                f'({_line(error)}); write it like mmpretrain::mae/NAME.py'
            ) from None
    elif not Path(path).is_file():
        raise ValueError(f'{path} does not exist')
    else:
        try:
            cfg = Config.fromfile(path)
        except Exception as error:  # a config can run any code
            raise ValueError(f'{path} is no config: {_line(error)}') from None
    if not isinstance(cfg.get('model'), dict) or 'backbone' not in cfg.model:
        raise ValueError(
            f'{path} has no model.backbone; use the config of a pre-training, '
            'a classifier, a detector or a segmentor'
        )
    return cfg


def _line(error: Exception) -> str:
    """Return the message of an error on one line."""
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


def load_backbone(
    config: str, checkpoint: str, device: str = 'cpu'
) -> tuple[nn.Module, PixelNormalization]:
    """Build the backbone of a config and load all of its weights.

    Args:
        config: Config of a pre-training, classifier, detector or segmentor,
            as a path or as 'mmpretrain::NAME' of an installed library.
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
    scope = cfg.get('default_scope', 'mmpretrain')
    try:
        with DefaultScope.overwrite_default_scope(scope):
            backbone = MODELS.build(cfg.model.backbone)
    except Exception as error:  # whatever the class of the backbone raises
        raise ValueError(
            f'the backbone of {config} cannot be built: {_line(error)}'
        ) from None
    try:
        load_weights(backbone, read_state_dict(checkpoint))
    except CheckpointFileError:
        raise  # it names the file
    except CheckpointError as error:
        raise ValueError(
            f'{checkpoint} does not fit {config}: {error}; use the config '
            'that the training saved in its work_dir'
        ) from None
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
    try:
        is_foreign = detect_format(state).name != 'mmpretrain'
    except ConversionError:  # no ConvNeXt
        is_foreign = False
    if is_foreign:
        given = to_weights(state).backbone
    else:
        given = without_prefix(state, 'backbone.') or state
    expected = backbone.state_dict()
    matching = [name for name in given if name in expected]
    if not matching:
        raise IncompleteCheckpointError(
            f'it has no weights of {type(backbone).__name__}; its keys begin '
            f'with {", ".join(sorted(state)[:3])}'
        )
    try:
        result = backbone.load_state_dict(given, strict=False)
    except RuntimeError as error:
        text = ' '.join(str(error).split())
        raise IncompleteCheckpointError(text) from None
    problems = {
        'missing': result.missing_keys,
        'unexpected': result.unexpected_keys,
    }
    text = describe(
        {
            kind: [name for name in names if not OUTPUT_NORM.match(name)]
            for kind, names in problems.items()
        }
    )
    if text:
        raise IncompleteCheckpointError(text)
    for norm in {name.split('.')[0] for name in result.missing_keys}:
        setattr(backbone, norm, nn.Identity())


def find_normalization(cfg: Config) -> PixelNormalization:
    """Return the normalization of pixels in a config."""
    preprocessor = cfg.model.get('data_preprocessor') or cfg.get(
        'data_preprocessor', {}
    )
    values = {
        name: tuple(float(value) for value in preprocessor[name])
        for name in ('mean', 'std')
        if preprocessor.get(name) is not None
    }
    # MMPretrain calls it to_rgb, MMDetection and MMSegmentation bgr_to_rgb.
    to_rgb = preprocessor.get('to_rgb') or preprocessor.get('bgr_to_rgb')
    return PixelNormalization(**values, to_rgb=bool(to_rgb))
