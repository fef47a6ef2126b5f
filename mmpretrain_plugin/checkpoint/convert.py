"""From one layout to another: state dict in, state dict out, or an error."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .layouts import LAYOUTS, Layout, bare

State = dict[str, Tensor]
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# timm's four small sizes have 1x1 convolutions where the others have linear
# layers: atto, femto and pico, and nano.
TIMM_CONV_MLP = ((2, 2, 6, 2), (2, 2, 8, 2))


class ConversionError(ValueError):
    """A checkpoint that is not a whole ConvNeXt in a known layout."""


@dataclass
class Weights:
    """Weights under our names, and what a reader should know of them.

    Attributes:
        state: Tensors by mmpretrain's names: 'backbone.', 'head.fc.',
            'neck.'.
        layout: Name of the layout they came in.
        others: Keys of other parts (a detector's heads), which are left out.
    """

    state: State
    layout: str
    others: list[str] = field(default_factory=list)

    @property
    def depths(self) -> tuple[int, ...]:
        """Blocks per stage."""
        found: dict[int, int] = {}
        for key in self.state:
            if m := re.match(r'backbone\.stages\.(\d{1,4})\.(\d{1,4})\.', key):
                stage, number = int(m[1]), int(m[2])
                found[stage] = max(found.get(stage, 0), number + 1)
        depths = [found.get(s, 0) for s in range(max(found, default=0) + 1)]
        if max(found, default=0) + sum(depths) > len(self.state):
            raise ConversionError('blocks are counted beyond the file')
        return tuple(depths)

    @property
    def channels(self) -> tuple[int, ...]:
        """Width of every stage."""
        return tuple(
            next(
                (
                    self.state[name].numel()
                    for b in range(depth)
                    if (name := f'backbone.stages.{s}.{b}.norm.weight')
                    in self.state
                ),
                0,
            )
            for s, depth in enumerate(self.depths)
        )

    @property
    def backbone(self) -> State:
        """The tensors of the backbone, by names without its prefix."""
        start = 'backbone.'
        return {
            key.removeprefix(start): value
            for key, value in self.state.items()
            if key.startswith(start)
        }

    @property
    def stem(self) -> Tensor:
        """Weight of the stem, (channels, in_channels, patch, patch)."""
        return self.state['backbone.downsample_layers.0.0.weight']

    @property
    def has_grn(self) -> bool:
        """Whether it is ConvNeXt V2."""
        return self._has(r'grn\.gamma')

    @property
    def has_scale(self) -> bool:
        """Whether blocks have a layer scale, as those of ConvNeXt V1."""
        return self._has('gamma')

    def _has(self, part: str) -> bool:
        name = re.compile(rf'backbone\.stages\.\d+\.\d+\.{part}')
        return any(name.fullmatch(key) for key in self.state)


def recognise(state: Mapping[str, Tensor]) -> Layout:
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
    layout = recognise(state)
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


def check_values(state: State) -> None:
    """Refuse weights that are no finite floating-point numbers.

    Raises:
        ConversionError: With every key that is wrong.
    """
    others = [
        f'{k} {v.dtype}' for k, v in state.items() if v.dtype not in DTYPES
    ]
    if others:
        raise ConversionError(
            'weights are not floating-point numbers of 16 bits or more: '
            f'{", ".join(others)}'
        )
    broken = [k for k, v in state.items() if not torch.isfinite(v).all()]
    if broken:
        raise ConversionError(
            f'weights are NaN or infinite: {", ".join(broken)}'
        )


def expected_shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
    """List the tensors that a whole backbone, and a classifier, has.

    Depths and widths are read from the weights; so are the choices that a
    backbone leaves open: the stem's patch and channels, GRN, layer scale.
    """
    depths, channels = weights.depths, weights.channels
    stem = weights.state.get('backbone.downsample_layers.0.0.weight')
    whole = stem is not None and stem.dim() == 4
    in_channels, patch = stem.shape[1:3] if whole else (0, 0)
    has_grn, has_scale = weights.has_grn, weights.has_scale
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, *weight: int) -> None:
        shapes[f'{name}.weight'] = weight
        shapes[f'{name}.bias'] = weight[:1]

    def add_block(name: str, c: int, grn: bool, scale: bool) -> None:
        add(f'{name}.depthwise_conv', c, 1, 7, 7)
        add(f'{name}.norm', c)
        add(f'{name}.pointwise_conv1', 4 * c, c)
        add(f'{name}.pointwise_conv2', c, 4 * c)
        if grn:
            for part in ('gamma', 'beta'):
                shapes[f'{name}.grn.{part}'] = (4 * c,)
        if scale:
            shapes[f'{name}.gamma'] = (c,)

    previous = in_channels
    for s, (depth, c) in enumerate(zip(depths, channels)):
        down = f'backbone.downsample_layers.{s}'
        if s == 0:
            add(f'{down}.0', c, in_channels, patch, patch)
            add(f'{down}.1', c)
        else:
            add(f'{down}.0', previous)
            add(f'{down}.1', c, previous, 2, 2)
        for b in range(depth):
            add_block(f'backbone.stages.{s}.{b}', c, has_grn, has_scale)
        if f'backbone.norm{s}.weight' in weights.state:
            add(f'backbone.norm{s}', c)
        previous = c
    if 'head.fc.weight' in weights.state:
        add('head.fc', first_side(weights.state, 'head.fc.weight'), previous)
        add(f'backbone.norm{len(depths) - 1}', previous)
    if any(key.startswith('neck.') for key in weights.state):
        width = first_side(weights.state, 'neck.proj.weight')
        add('neck.proj', width, previous, 1, 1)
        shapes['neck.mask_token'] = (1, width, 1, 1)
        for b in decoder_blocks(weights.state):
            add_block(f'neck.decoder.{b}', width, grn=True, scale=False)
        pixels = first_side(weights.state, 'neck.pred.weight')
        add('neck.pred', pixels, width, 1, 1)
    return shapes


def first_side(state: State, name: str) -> int:
    """Return the first side of a tensor, 0 if it is missing or has none."""
    return next(iter(state[name].shape), 0) if name in state else 0


def decoder_blocks(state: State) -> list[str]:
    """Number the blocks of FCMAE's decoder: all up to the last that is there.

    Raises:
        ConversionError: If a number is larger than the file can be.
    """
    found = {
        int(m[1])
        for key in state
        if (m := re.match(r'neck\.decoder\.(\d{1,4})\.', key))
    }
    last = max(found, default=0)
    if last > len(state):
        raise ConversionError(f'neck.decoder.{last} counts beyond its file')
    return [str(b) for b in range(last + 1)]


def check(weights: Weights, left_over: list[str], twice: list[str]) -> None:
    """Refuse weights that are not a whole backbone, or more than known parts.

    Args:
        weights: What was translated.
        left_over: Keys, under their own names, that no rule translates.
        twice: Keys whose weight another key had given already.

    Raises:
        ConversionError: With every key that is wrong.
    """
    found = differences(expected_shapes(weights), weights.state)
    found['left over'] = left_over + found['left over']
    found['there twice'] = twice
    problems = [
        f'{problem}: {", ".join(keys)}'
        for problem, keys in found.items()
        if keys
    ]
    if problems:
        raise ConversionError(
            f'the weights ({weights.layout} layout) are not a whole ConvNeXt '
            f'of depths {weights.depths}; {"; ".join(problems)}'
        )


def differences(
    wanted: Mapping[str, tuple[int, ...]], state: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """List what is wrong with a state dict.

    Args:
        wanted: Shapes by names.
        state: State dict.

    Returns:
        The names that are missing, left over, or of another shape.
    """
    return {
        'missing': [key for key in wanted if key not in state],
        'left over': [key for key in state if key not in wanted],
        'of another shape': [
            f'{key} {tuple(state[key].shape)} for {tuple(shape)}'
            for key, shape in wanted.items()
            if key in state and state[key].shape != shape
        ],
    }


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


def adapt_stem(weights: Weights, in_channels: int, how: str) -> Weights:
    """Give the stem another number of input channels.

    Args:
        weights: Weights of a stem of any number of channels.
        in_channels: Channels of the images to come.
        how: 'sum' adds the channels up, for one channel; 'repeat' takes them
            in turn and scales by old / new, which keeps the response to equal
            channels where the new number is a multiple of the old.

    Returns:
        New weights without a decoder, which predicts the old channels; the
        others are shared.

    Raises:
        ConversionError: If there are no channels, or ``how`` does not fit
            their number.
    """
    if in_channels < 1:
        raise ConversionError(
            f'images have at least 1 channel, not {in_channels}'
        )
    name = 'backbone.downsample_layers.0.0.weight'
    stem = weights.stem
    old = stem.shape[1]
    if in_channels == old:
        return weights
    if how == 'sum' and in_channels == 1:
        new = stem.sum(dim=1, keepdim=True)
    elif how == 'repeat':
        order = torch.arange(in_channels) % old
        new = stem[:, order] * (old / in_channels)
    else:
        raise ConversionError(
            f'no way {how!r} from {old} to {in_channels} channels; choose '
            "'repeat', or 'sum' for one channel"
        )
    kept = {k: v for k, v in weights.state.items() if k[:5] != 'neck.'}
    return Weights({**kept, name: new}, weights.layout)
