"""Run a state dict in the model it is made for, to compare two of them."""

from importlib.util import find_spec

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .convert import read
from .layouts import LAYOUTS
from .weights import ConversionError, State, Weights

# Relative to the largest value; single precision is far below it.
TOLERANCE = 1e-3


def verify(before: State, after: State) -> str:
    """Run source and result on one image, each in its own model.

    Args:
        before: State dict of the source, in its layout.
        after: State dict of the result, in its layout.

    Returns:
        A line with the largest difference of the last maps, and whose models
        computed them.

    Raises:
        ConversionError: If they differ.
    """
    _, channels, patch, _ = read(before).stem.shape
    side = 24 * patch  # three cells of the last of the usual four stages
    images = torch.randn(
        1, channels, side, side, generator=torch.Generator().manual_seed(0)
    )
    (one, whose), (other, whose_else) = (
        last_map(state, images) for state in (before, after)
    )
    difference = (one - other).abs().max().item()
    size = one.abs().max().item()
    result = (
        f'largest difference on an image: {difference:.3g} of {size:.3g} '
        f'(models of {whose} and {whose_else})'
    )
    if not difference <= TOLERANCE * size:
        raise ConversionError(f'nothing is written: {result}')
    return result


def last_map(state: State, images: Tensor) -> tuple[Tensor, str]:
    """Compute the last map of a backbone, before its norm.

    timm's and transformers' weights run in their own models where these are
    installed; all others in this project's backbone, and so do networks that
    timm does not have: with another number of stages than four, or a stem
    with other patches than 4x4, after which it strides in other places.

    Args:
        state: State dict in any layout.
        images: Images (N, C, H, W).

    Returns:
        The map (N, C', H', W'), and whose model computed it.
    """
    weights = read(state)
    as_in_timm = len(weights.depths) == 4 and weights.stem.shape[-1] == 4
    with torch.no_grad():
        if weights.layout == 'timm' and as_in_timm and find_spec('timm'):
            return timm_model(weights, state).forward_features(images), 'timm'
        if weights.layout == 'huggingface' and find_spec('transformers'):
            model = transformers_model(weights, state)
            return model(images).last_hidden_state, 'transformers'
        return own_model(weights)(images)[0], 'this project'


def own_model(weights: Weights) -> nn.Module:
    """Build this project's backbone with weights under our names."""
    _, in_channels, patch, _ = weights.stem.shape
    model = MODELS.build(
        dict(
            type='mmpretrain.ConvNeXtV2',
            arch=dict(
                depths=list(weights.depths), channels=list(weights.channels)
            ),
            in_channels=in_channels,
            stem_patch_size=patch,
            use_grn=weights.has_grn,
            layer_scale_init_value=float(weights.has_scale),
            gap_before_final_norm=False,
            final_norm=False,
        )
    )
    others = tuple(f'norm{s}.' for s in range(len(weights.depths)))
    return filled(model, weights.backbone, others)


def timm_model(weights: Weights, state: State) -> nn.Module:
    """Build timm's ConvNeXt with weights under timm's names."""
    from timm.models.convnext import ConvNeXt

    fc = next(v for k, v in state.items() if k.endswith('mlp.fc1.weight'))
    model = ConvNeXt(
        depths=weights.depths,
        dims=weights.channels,
        in_chans=weights.stem.shape[1],
        use_grn=weights.has_grn,
        ls_init_value=1.0 if weights.has_scale else None,
        conv_mlp=fc.dim() == 4,
    )
    return filled(model, usual_names(weights, state), others=('head.',))


def transformers_model(weights: Weights, state: State) -> nn.Module:
    """Build transformers' model with weights under its names."""
    import transformers

    _, in_channels, patch, _ = weights.stem.shape
    version = 'ConvNextV2' if weights.has_grn else 'ConvNext'
    config = getattr(transformers, f'{version}Config')(
        depths=list(weights.depths),
        hidden_sizes=list(weights.channels),
        num_stages=len(weights.depths),
        num_channels=in_channels,
        patch_size=patch,
    )
    model = getattr(transformers, f'{version}Model')(config)
    others = ('layernorm.', 'classifier.', 'hidden_states_norms.')
    return filled(model, usual_names(weights, state), others)


def usual_names(weights: Weights, state: State) -> State:
    """Undo the variations of names within the layout."""
    layout = LAYOUTS[weights.layout]
    return {layout.usual_name(key): value for key, value in state.items()}


def filled(
    model: nn.Module, state: State, others: tuple[str, ...] = ()
) -> nn.Module:
    """Load everything but other parts, in fp32, ready for inference.

    Args:
        model: Model to fill.
        state: Its state dict, in any precision.
        others: How the keys of parts begin that do not make the map.

    Returns:
        The model.

    Raises:
        ConversionError: If keys of the body are missing or left over.
    """
    body = {
        key: value.float()
        for key, value in state.items()
        if not (others and key.startswith(others))
    }
    result = model.load_state_dict(body, strict=False)
    wrong = [
        key
        for key in (*result.missing_keys, *result.unexpected_keys)
        if not (others and key.startswith(others))
    ]
    if wrong:
        raise ConversionError(f'keys that do not fit: {", ".join(wrong)}')
    return model.eval()
