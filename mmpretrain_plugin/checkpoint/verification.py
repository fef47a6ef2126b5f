"""Comparison of a checkpoint before and after conversion, on an image."""

from importlib.util import find_spec
from typing import Any

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .conversion import to_weights
from .errors import ConversionError
from .formats import FORMATS
from .weights import State, Weights

# Relative to the largest activation; fp32 differences are far below it.
TOLERANCE = 1e-3


def verify(before: State, after: State) -> str:
    """Compute the last feature map of two checkpoints and compare them.

    Args:
        before: State dict of the source, in its format.
        after: State dict of the result, in its format.

    Returns:
        One line with the largest difference, and the models that were used.

    Raises:
        ConversionError: If the feature maps differ.
    """
    architecture = to_weights(before).architecture
    side = 24 * architecture.stem_patch_size  # 3 pixels after four stages
    images = torch.randn(
        1, architecture.in_channels, side, side,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    (one, one_model), (other, other_model) = (
        last_feature_map(state, images) for state in (before, after)
    )
    difference = (one - other).abs().max().item()
    largest = one.abs().max().item()
    result = (
        f'largest difference on an image: {difference:.3g} of {largest:.3g} '
        f'(models of {one_model} and {other_model})'
    )
    if not difference <= TOLERANCE * largest:
        raise ConversionError(f'nothing is written: {result}')
    return result


def last_feature_map(state: State, images: Tensor) -> tuple[Tensor, str]:
    """Compute the last feature map of a backbone, before its norm.

    Weights in the formats of timm and transformers run in the models of these
    libraries if they are installed, all others in this project's backbone.
    timm's model has four stages and, in all of them, the strides of a 4x4
    stem; other networks run in this project's backbone too.

    Args:
        state: State dict in any format.
        images: Images (N, C, H, W).

    Returns:
        The feature map (N, C', H', W'), and the name of the library.
    """
    weights = to_weights(state)
    architecture = weights.architecture
    in_timm = (
        len(architecture.depths) == 4 and architecture.stem_patch_size == 4
    )
    table = FORMATS[weights.source_format]
    state = {table.canonical_key(key): value for key, value in state.items()}
    with torch.no_grad():
        if table.name == 'timm' and in_timm and find_spec('timm'):
            return timm_model(weights, state).forward_features(images), 'timm'
        if table.name == 'huggingface' and find_spec('transformers'):
            model = transformers_model(weights, state)
            return model(images).last_hidden_state, 'transformers'
        return project_model(weights)(images)[0], 'this project'


def project_model(weights: Weights) -> nn.Module:
    """Build this project's backbone, without output norms."""
    model = MODELS.build(
        weights.architecture.backbone_config(
            gap_before_final_norm=False, final_norm=False
        )
    )
    return load(model, weights.backbone, ignored=('norm',))


def timm_model(weights: Weights, state: State) -> Any:
    """Build timm's ConvNeXt from a state dict with timm's keys."""
    from timm.models.convnext import ConvNeXt

    architecture = weights.architecture
    fc = next(v for k, v in state.items() if k.endswith('mlp.fc1.weight'))
    model = ConvNeXt(
        depths=architecture.depths,
        dims=architecture.channels,
        in_chans=architecture.in_channels,
        use_grn=architecture.use_grn,
        ls_init_value=1.0 if architecture.layer_scale else None,
        conv_mlp=fc.dim() == 4,
    )
    return load(model, state, ignored=('head.',))


def transformers_model(weights: Weights, state: State) -> nn.Module:
    """Build transformers' model from a state dict with its keys."""
    import transformers

    architecture = weights.architecture
    version = 'ConvNextV2' if architecture.use_grn else 'ConvNext'
    config = getattr(transformers, f'{version}Config')(
        depths=list(architecture.depths),
        hidden_sizes=list(architecture.channels),
        num_stages=len(architecture.depths),
        num_channels=architecture.in_channels,
        patch_size=architecture.stem_patch_size,
    )
    model = getattr(transformers, f'{version}Model')(config)
    ignored = ('layernorm.', 'classifier.', 'hidden_states_norms.')
    return load(model, state, ignored)


def load(
    model: nn.Module, state: State, ignored: tuple[str, ...] = ()
) -> nn.Module:
    """Load a state dict in fp32, and return the model in evaluation mode.

    ``ignored`` are prefixes of keys that do not affect the last feature map.
    """
    state = {
        key: value.float()
        for key, value in state.items()
        if not key.startswith(ignored)
    }
    result = model.load_state_dict(state, strict=False)
    wrong = [key for keys in result for key in keys]
    wrong = [key for key in wrong if not key.startswith(ignored)]
    if wrong:
        raise ConversionError(
            f'keys that {type(model).__name__} does not match: '
            f'{", ".join(wrong)}'
        )
    return model.eval()
