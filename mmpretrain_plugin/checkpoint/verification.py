"""Comparison of a checkpoint before and after conversion, on an image."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

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

    It runs in the model of the library whose format the weights have, if that
    is installed and can build the network, and else in this project's
    backbone.

    Args:
        state: State dict in any format.
        images: Images (N, C, H, W).

    Returns:
        The feature map (N, C', H', W'), and the name of the library.
    """
    weights = to_weights(state)
    architecture = weights.architecture
    table = FORMATS[weights.source_format]
    library = LIBRARIES.get(table.name)
    is_usual = (
        len(architecture.depths) == 4 and architecture.stem_patch_size == 4
    )
    with torch.no_grad():
        if (
            library
            and (is_usual or not library.usual_only)
            and is_installed(library)
        ):
            state = {
                table.canonical_key(key): value
                for key, value in state.items()
                if key not in weights.others
            }
            return library.compute(weights, state, images), library.name
        return project_model(weights)(images)[0], 'this project'


def is_installed(library: 'Library') -> bool:
    """Return whether a library is installed, in a version with its model."""
    return bool(find_spec(library.name)) and hasattr(
        import_module(library.name), library.needs
    )


def project_model(weights: Weights) -> nn.Module:
    """Build this project's backbone, without output norms."""
    model = MODELS.build(
        weights.architecture.backbone_config(
            gap_before_final_norm=False, final_norm=False
        )
    )
    return load(model, weights.backbone, ignored=('norm',))


def compute_in_timm(weights: Weights, state: State, images: Tensor) -> Tensor:
    """Compute the last feature map in timm's ConvNeXt."""
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
    return load(model, state, ignored=('head.',)).forward_features(images)


def compute_in_transformers(
    weights: Weights, state: State, images: Tensor
) -> Tensor:
    """Compute the last feature map in transformers' ConvNeXt V1 or V2."""
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
    return load(model, state, ignored)(images).last_hidden_state


def compute_in_dinov3(
    weights: Weights, state: State, images: Tensor
) -> Tensor:
    """Compute the last feature map in transformers' DINOv3."""
    import transformers

    architecture = weights.architecture
    config = transformers.DINOv3ConvNextConfig(
        depths=list(architecture.depths),
        hidden_sizes=list(architecture.channels),
        num_channels=architecture.in_channels,
    )
    model = transformers.DINOv3ConvNextModel(config)
    model = load(model, state, ignored=('layer_norm.',))
    return model(images, output_hidden_states=True).hidden_states[-1]


def compute_in_torchvision(
    weights: Weights, state: State, images: Tensor
) -> Tensor:
    """Compute the last feature map in torchvision's ConvNeXt."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    architecture = weights.architecture
    widths = architecture.channels
    model: Any = ConvNeXt(
        [
            CNBlockConfig(width, following, depth)
            for width, following, depth in zip(
                widths, (*widths[1:], None), architecture.depths
            )
        ]
    )
    # It has no argument for the number of channels.
    model.features[0][0] = nn.Conv2d(
        architecture.in_channels, widths[0], kernel_size=4, stride=4
    )
    return load(model, state, ignored=('classifier.',)).features(images)


class Library(NamedTuple):
    """A library that can run weights in a format.

    Attributes:
        name: Its import name.
        needs: A public name in it, which old versions may not have.
        compute: Computes the last feature map from weights, their state dict
            in the format, and images.
        usual_only: Whether its model has four stages and a stem of 4x4.
    """

    name: str
    needs: str
    compute: Callable[[Weights, State, Tensor], Tensor]
    usual_only: bool = True


LIBRARIES = {
    'timm': Library('timm', 'create_model', compute_in_timm),
    'huggingface': Library(
        'transformers', 'ConvNextV2Model', compute_in_transformers, False
    ),
    'huggingface-dinov3': Library(
        'transformers', 'DINOv3ConvNextModel', compute_in_dinov3
    ),
    'torchvision': Library('torchvision', 'models', compute_in_torchvision),
}


def load(model: Any, state: State, ignored: tuple[str, ...] = ()) -> Any:
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
