"""Run a state dict in the model it is made for, to compare two of them."""

from importlib.util import find_spec

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .convert import State, read

CLASSIFIERS = ('convnextv2.', 'convnext.')


def last_map(state: State, images: Tensor) -> tuple[Tensor, str]:
    """Compute the last map of a backbone, before its norm.

    timm's and transformers' weights run in their own models where these are
    installed; all others in this project's backbone.

    Args:
        state: State dict in any layout.
        images: Images (N, C, H, W).

    Returns:
        The map (N, C', H', W'), and whose model computed it.
    """
    weights = read(state)
    patch = weights.state['backbone.downsample_layers.0.0.weight'].shape[-1]
    options = dict(
        depths=list(weights.depths),
        channels=list(weights.channels),
        in_channels=images.shape[1],
        patch=patch,
        grn='backbone.stages.0.0.grn.gamma' in weights.state,
        scale='backbone.stages.0.0.gamma' in weights.state,
    )
    state = {key: value.float() for key, value in state.items()}
    with torch.no_grad():
        if weights.layout == 'timm' and find_spec('timm'):
            return run_timm(state, images, **options), 'timm'
        if weights.layout == 'huggingface' and find_spec('transformers'):
            return run_transformers(state, images, **options), 'transformers'
        return run_ours(weights.state, images, **options), 'this project'


def run_ours(state: State, images: Tensor, **o: object) -> Tensor:
    """Run this project's backbone on weights under our names."""
    model = MODELS.build(
        dict(
            type='mmpretrain.ConvNeXtV2',
            arch=dict(depths=o['depths'], channels=o['channels']),
            in_channels=o['in_channels'],
            stem_patch_size=o['patch'],
            use_grn=o['grn'],
            layer_scale_init_value=float(o['scale']),
            gap_before_final_norm=False,
        )
    )
    model.remove_final_norm()
    start = 'backbone.'
    body = {
        key.removeprefix(start): value.float()
        for key, value in state.items()
        if key.startswith((f'{start}downsample_layers', f'{start}stages'))
    }
    model.load_state_dict(body)
    return model.eval()(images)[0]


def load_body(model: nn.Module, state: State, head: tuple[str, ...]) -> None:
    """Load all but heads and final norms, and refuse anything else.

    Raises:
        RuntimeError: If other keys are missing or left over.
    """
    result = model.load_state_dict(state, strict=False)
    wrong = [
        key
        for key in (*result.missing_keys, *result.unexpected_keys)
        if not key.startswith(head)
    ]
    if wrong:
        raise RuntimeError(f'keys that do not fit: {", ".join(wrong)}')


def run_timm(state: State, images: Tensor, **o: object) -> Tensor:
    """Run timm's ConvNeXt on weights under timm's names."""
    from timm.models.convnext import ConvNeXt

    fc = next(v for k, v in state.items() if k.endswith('mlp.fc1.weight'))
    model = ConvNeXt(
        depths=o['depths'],
        dims=o['channels'],
        in_chans=o['in_channels'],
        patch_size=o['patch'],
        use_grn=o['grn'],
        ls_init_value=1.0 if o['scale'] else None,
        conv_mlp=fc.dim() == 4,
    )
    usual = {
        key.replace('stem_', 'stem.').replace('stages_', 'stages.'): value
        for key, value in state.items()
        if not key.startswith('head.')
    }
    load_body(model, usual, ('head.',))
    return model.eval().forward_features(images)


def run_transformers(state: State, images: Tensor, **o: object) -> Tensor:
    """Run transformers' model on weights under its names."""
    import transformers

    version = 'ConvNextV2' if o['grn'] else 'ConvNext'
    config = getattr(transformers, f'{version}Config')(
        depths=o['depths'],
        hidden_sizes=o['channels'],
        num_channels=o['in_channels'],
        patch_size=o['patch'],
    )
    model = getattr(transformers, f'{version}Model')(config)
    usual = {}
    for key, value in state.items():
        for prefix in CLASSIFIERS:
            key = key.removeprefix(prefix)
        usual[key] = value
    others = ('layernorm.', 'classifier.', 'hidden_states_norms.')
    load_body(model, usual, others)
    return model.eval()(images).last_hidden_state
