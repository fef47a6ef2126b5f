"""Run a state dict in the model it is made for, to compare two of them."""

from importlib.util import find_spec

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .convert import State, Weights, read


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
        )
    )
    model.remove_final_norm()
    start = 'backbone.'
    rooms = (f'{start}downsample_layers', f'{start}stages')
    body = {
        key.removeprefix(start): value
        for key, value in weights.state.items()
        if key.startswith(rooms)
    }
    return filled(model, body)


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
    usual = {
        key.replace('stem_', 'stem.').replace('stages_', 'stages.'): value
        for key, value in state.items()
    }
    return filled(model, usual, others=('head.',))


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
    usual = {
        key.removeprefix('convnextv2.').removeprefix('convnext.'): value
        for key, value in state.items()
    }
    others = ('layernorm.', 'classifier.', 'hidden_states_norms.')
    return filled(model, usual, others)


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
        RuntimeError: If keys of the body are missing or left over.
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
        raise RuntimeError(f'keys that do not fit: {", ".join(wrong)}')
    return model.eval()
