"""From one layout to another: state dict in, state dict out, or an error."""

import re
from collections.abc import Mapping

from torch import Tensor

from .completeness import check, check_values
from .layouts import LAYOUTS, Layout, bare
from .weights import ConversionError, State, Weights

# timm's four small sizes have 1x1 convolutions where the others have linear
# layers: atto, femto and pico, and nano.
TIMM_CONV_MLP = ((2, 2, 6, 2), (2, 2, 8, 2))


def recognize(state: Mapping[str, Tensor]) -> Layout:
    """Tell the layout of a state dict from its keys.

    Raises:
        ConversionError: If no layout has such keys.
    """
    for layout in LAYOUTS.values():
        marks = re.compile(layout.marks)
        if any(marks.fullmatch(bare(key)) for key in state):
            return layout
    raise ConversionError(
        'this is no ConvNeXt in a known layout '
        f'({", ".join(LAYOUTS)}); its keys begin with '
        f'{", ".join(sorted(state)[:3]) or "nothing"}; choose another state '
        'dict of the file with --key, or take off what precedes the names'
    )


def is_of_backbone(key: str) -> bool:
    """Tell a key of the part called 'backbone' of a larger model."""
    return bare(key).startswith('backbone.')


def read(state: Mapping[str, Tensor]) -> Weights:
    """Translate a state dict of any layout to our names, checking it.

    Args:
        state: State dict, out of its container.

    Returns:
        The weights.

    Raises:
        ConversionError: If the layout is unknown, or keys are missing, left
            over or have another shape; all of them are listed.
    """
    layout = recognize(state)
    weights = Weights({}, layout.name)
    left_over, twice = [], []
    # Detectors and segmentors have all kinds of parts beside the backbone.
    is_host = any(is_of_backbone(key) for key in state)
    for key, value in state.items():
        name = layout.usual_name(key)
        try:
            translated = layout.to_ours(name, value)
        except (RuntimeError, IndexError) as error:
            raise ConversionError(
                f'{key} of shape {tuple(value.shape)} has another shape than '
                f'the {layout.name} layout: {error}'
            ) from None
        if translated and translated[0] in weights.state:
            twice.append(f'{key} ({translated[0]})')
        elif translated:
            weights.state[translated[0]] = translated[1]
        elif is_host and not is_of_backbone(key):
            weights.others.append(key)
        else:
            left_over.append(key)
    if is_host:
        leave_out_other_neck(weights)
    check(weights, left_over, twice)
    check_values(weights.state)
    weights.state = {k: v.contiguous() for k, v in weights.state.items()}
    return weights


def leave_out_other_neck(weights: Weights) -> None:
    """Count a neck that is not FCMAE's own decoder to the other parts.

    A feature pyramid, or a decoder of the paper's ablations, may share some
    names with it, but only together do they make a decoder.
    """
    if any(key.startswith('neck.') for key in weights.others):
        neck = [key for key in weights.state if key.startswith('neck.')]
        for key in neck:
            del weights.state[key]
        weights.others += neck


def write(
    weights: Weights, layout: str, backbone_only: bool = False
) -> tuple[State, list[str]]:
    """Translate our weights to a layout.

    Args:
        weights: What ``read`` returned.
        layout: Name of the layout.
        backbone_only: Whether to leave out classifier and decoder.

    Returns:
        The state dict, and those of our keys that have no place in it.

    Raises:
        ConversionError: If the layout is unknown.
    """
    if layout not in LAYOUTS:
        raise ConversionError(
            f'unknown layout {layout!r}; choose from {", ".join(LAYOUTS)}'
        )
    table = LAYOUTS[layout]
    state: State = {}
    dropped = []
    body = ('backbone.stages.', 'backbone.downsample_layers.')
    ours = {
        key: value
        for key, value in weights.state.items()
        if key.startswith('backbone.') or not backbone_only
    }
    for key, value in ours.items():
        translated = table.to_theirs(key, value)
        if translated:
            state[translated[0]] = translated[1].contiguous()
        else:
            dropped.append(key)
    if layout == 'huggingface' and weights.has_grn == weights.has_scale:
        raise ConversionError(
            'transformers has blocks with GRN or with layer scale; these have '
            + ('both' if weights.has_grn else 'neither')
        )
    lost = [key for key in dropped if key.startswith(body)]
    if lost:
        raise ConversionError(
            f'the {layout} layout has no place for {", ".join(lost)}, and '
            'without them the network is another'
        )
    if layout == 'huggingface':
        state = huggingface_class(state)
    if layout == 'timm' and weights.depths in TIMM_CONV_MLP:
        state = {
            key: value[..., None, None] if is_timm_mlp(key) else value
            for key, value in state.items()
        }
    return state, dropped


def is_timm_mlp(key: str) -> bool:
    """Tell the weights of an MLP among timm's names."""
    return re.fullmatch(r'.*\.mlp\.fc[12]\.weight', key) is not None


def huggingface_class(state: State) -> State:
    """Name things as the class of transformers does that the weights fit.

    With norms of all stages ...Backbone, with a classifier
    ...ForImageClassification, and else ...Model.
    """
    norms = 'hidden_states_norms.stage'
    if any(key.startswith(norms) for key in state):
        return {
            re.sub(r'^layernorm\.', f'{norms}4.', key): value
            for key, value in state.items()
        }
    if 'classifier.weight' not in state:
        return state
    has_grn = any('.grn.' in key for key in state)
    model = 'convnextv2.' if has_grn else 'convnext.'
    return {
        key if key.startswith('classifier.') else model + key: value
        for key, value in state.items()
    }
