"""Names and shapes of ConvNeXt weights in every layout: one table each.

Ours are mmpretrain's names. A rule says what a key and its tensor are called
and shaped elsewhere; both directions are derived from it.
"""

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Form:
    """How a layout shapes a tensor.

    Attributes:
        theirs: From our shape to that of the layout.
        ours: Back, also from the other shapes that are seen in the wild.
    """

    theirs: Callable[[Tensor], Tensor]
    ours: Callable[[Tensor], Tensor]


def from_kernel(t: Tensor) -> Tensor:
    """Turn a Minkowski kernel into a convolution weight.

    Args:
        t: (k * k, in, out), or (k * k, C) for a depthwise convolution; x is
            the slow index there, y the fast one.

    Returns:
        (out, in, k, k) or (C, 1, k, k).
    """
    side = math.isqrt(t.shape[0])
    t = t.unsqueeze(1) if t.dim() == 2 else t
    # (x * y, in, out) -> (out, in, x, y) -> (out, in, y, x)
    return t.permute(2, 1, 0).unflatten(2, (side, side)).transpose(2, 3)


def to_kernel(t: Tensor) -> Tensor:
    """Turn the weight of a dense convolution into a Minkowski kernel."""
    return t.transpose(2, 3).flatten(2).permute(2, 1, 0)


def to_depthwise_kernel(t: Tensor) -> Tensor:
    """Turn the weight of a depthwise convolution into a Minkowski kernel."""
    return to_kernel(t).squeeze(1)


def linear(t: Tensor) -> Tensor:
    """Drop the two sides of one that a 1x1 convolution has."""
    return t.flatten(1) if t.dim() == 4 and t.shape[2:] == (1, 1) else t


def vector(t: Tensor) -> Tensor:
    """Drop the sides of one around a vector.

    Raises:
        RuntimeError: If it is none.
    """
    if sum(side != 1 for side in t.shape) > 1:
        raise RuntimeError('it is no vector')
    return t.flatten()


SAME = Form(lambda t: t, lambda t: t)
LINEAR = Form(lambda t: t, linear)
VECTOR = Form(lambda t: t, vector)
ROW = Form(lambda t: t.unsqueeze(0), vector)
GRN_MAP = Form(lambda t: t.view(1, 1, 1, -1), vector)
KERNEL = Form(to_kernel, from_kernel)
DEPTHWISE_KERNEL = Form(to_depthwise_kernel, from_kernel)


@dataclass(frozen=True)
class Rule:
    """One line of a table.

    Attributes:
        ours: Our name, with ``{s}``, ``{b}``, ... for numbers and ``{p}`` for
            'weight' or 'bias'.
        theirs: The layout's name, with the same places.
        form: How the layout shapes it.
    """

    ours: str
    theirs: str
    form: Form = SAME


@functools.cache
def pattern(name: str) -> re.Pattern:
    """Compile a name of a rule."""
    text = re.escape(name).replace(r'\{p\}', '(?P<p>weight|bias)')
    return re.compile(re.sub(r'\\\{(\w)\\\}', r'(?P<\1>\\d+)', text))


def bare(key: str) -> str:
    """Take off what distributed training puts before a name."""
    return key.removeprefix('module.')


@dataclass(frozen=True)
class Layout:
    """A table with a name.

    Attributes:
        name: What users call it.
        rules: The table.
        marks: A pattern that some key of this layout matches, 'module.' of
            distributed training taken off, and no key of another layout.
        variations: Patterns and what to put for them, which undo the
            variations of names that are seen within the layout.
        container: Key of a .pth under which programs of this layout look for
            the state dict; None for the bare one.
    """

    name: str
    rules: tuple[Rule, ...]
    marks: str
    variations: tuple[tuple[str, str], ...] = ()
    container: str | None = None

    def usual_name(self, key: str) -> str:
        """Undo the variations of a name within the layout."""
        key = bare(key)
        for pattern, replacement in self.variations:
            key = re.sub(pattern, replacement, key)
        return key

    def to_ours(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """Translate one entry, or return None for a key of no rule."""
        return self._translate('theirs', 'ours', key, value)

    def to_theirs(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """Translate one of our entries, or return None."""
        return self._translate('ours', 'theirs', key, value)

    def _translate(
        self, source: str, target: str, key: str, value: Tensor
    ) -> tuple[str, Tensor] | None:
        for rule in self.rules:
            if match := pattern(getattr(rule, source)).fullmatch(key):
                name = getattr(rule, target).format(**match.groupdict())
                return name, getattr(rule.form, target)(value)
        return None


def within(rules: tuple, ours: str, theirs: str) -> tuple[Rule, ...]:
    """Put a table of parts under a name on either side."""
    return tuple(
        Rule(ours + rule.ours, theirs + rule.theirs, rule.form)
        for rule in rules
    )


STEM_AND_DOWN = (Rule('{s}.{l}.{p}', '{s}.{l}.{p}'),)
OFFICIAL_BLOCK = (
    Rule('depthwise_conv.{p}', 'dwconv.{p}'),
    Rule('norm.{p}', 'norm.{p}'),
    Rule('pointwise_conv1.{p}', 'pwconv1.{p}', LINEAR),
    Rule('grn.gamma', 'grn.gamma', GRN_MAP),
    Rule('grn.beta', 'grn.beta', GRN_MAP),
    Rule('pointwise_conv2.{p}', 'pwconv2.{p}', LINEAR),
    Rule('gamma', 'gamma', VECTOR),
)
SPARSE_BLOCK = (
    Rule('depthwise_conv.weight', 'dwconv.kernel', DEPTHWISE_KERNEL),
    Rule('depthwise_conv.bias', 'dwconv.bias', ROW),
    Rule('norm.{p}', 'norm.ln.{p}'),
    Rule('pointwise_conv1.{p}', 'pwconv1.linear.{p}'),
    Rule('grn.gamma', 'grn.gamma', ROW),
    Rule('grn.beta', 'grn.beta', ROW),
    Rule('pointwise_conv2.{p}', 'pwconv2.linear.{p}'),
)
TIMM_BLOCK = (
    Rule('depthwise_conv.{p}', 'conv_dw.{p}'),
    Rule('norm.{p}', 'norm.{p}'),
    Rule('pointwise_conv1.{p}', 'mlp.fc1.{p}', LINEAR),
    Rule('grn.gamma', 'mlp.grn.weight'),
    Rule('grn.beta', 'mlp.grn.bias'),
    Rule('pointwise_conv2.{p}', 'mlp.fc2.{p}', LINEAR),
    Rule('gamma', 'gamma'),
)
HUGGINGFACE_BLOCK = (
    Rule('depthwise_conv.{p}', 'dwconv.{p}'),
    Rule('norm.{p}', 'layernorm.{p}'),
    Rule('pointwise_conv1.{p}', 'pwconv1.{p}'),
    Rule('grn.gamma', 'grn.weight', GRN_MAP),
    Rule('grn.beta', 'grn.bias', GRN_MAP),
    Rule('pointwise_conv2.{p}', 'pwconv2.{p}'),
    Rule('gamma', 'layer_scale_parameter'),
)
DECODER = (
    Rule('neck.proj.{p}', 'proj.{p}'),
    Rule('neck.mask_token', 'mask_token'),
    *within(OFFICIAL_BLOCK, 'neck.decoder.{b}.', 'decoder.{b}.'),
    Rule('neck.pred.{p}', 'pred.{p}'),
)
MMPRETRAIN = Layout(
    'mmpretrain',
    tuple(
        Rule(name, name)
        for name in (
            'backbone.downsample_layers.{s}.{l}.{p}',
            'backbone.stages.{s}.{b}.depthwise_conv.{p}',
            'backbone.stages.{s}.{b}.norm.{p}',
            'backbone.stages.{s}.{b}.pointwise_conv{l}.{p}',
            'backbone.stages.{s}.{b}.grn.gamma',
            'backbone.stages.{s}.{b}.grn.beta',
            'backbone.stages.{s}.{b}.gamma',
            'backbone.norm{s}.{p}',
            'head.fc.{p}',
            'neck.proj.{p}',
            'neck.mask_token',
            'neck.decoder.{b}.depthwise_conv.{p}',
            'neck.decoder.{b}.norm.{p}',
            'neck.decoder.{b}.pointwise_conv{l}.{p}',
            'neck.decoder.{b}.grn.gamma',
            'neck.decoder.{b}.grn.beta',
            'neck.pred.{p}',
        )
    ),
    marks=r'(backbone\.)?stages\.\d+\.\d+\.depthwise_conv\.weight',
    variations=((r'^(?=(downsample_layers|stages|norm\d)\b)', 'backbone.'),),
    container='state_dict',
)
OFFICIAL = Layout(
    'official',
    (
        *within(
            STEM_AND_DOWN, 'backbone.downsample_layers.', 'downsample_layers.'
        ),
        *within(OFFICIAL_BLOCK, 'backbone.stages.{s}.{b}.', 'stages.{s}.{b}.'),
        Rule('backbone.norm3.{p}', 'norm.{p}'),
        Rule('backbone.norm{s}.{p}', 'norm{s}.{p}'),
        Rule('head.fc.{p}', 'head.{p}'),
        *DECODER,
    ),
    marks=r'(backbone\.)?stages\.\d+\.\d+\.dwconv\.weight',
    # Of the detectors and segmentors of the released ConvNeXt V1.
    variations=((r'^backbone\.', ''),),
    container='model',
)
# What the official pre-training script writes; the stem is an ordinary layer.
SPARSE = Layout(
    'official-sparse',
    (
        Rule(
            'backbone.downsample_layers.0.{l}.{p}',
            'encoder.downsample_layers.0.{l}.{p}',
        ),
        Rule(
            'backbone.downsample_layers.{s}.0.{p}',
            'encoder.downsample_layers.{s}.0.ln.{p}',
        ),
        Rule(
            'backbone.downsample_layers.{s}.1.weight',
            'encoder.downsample_layers.{s}.1.kernel',
            KERNEL,
        ),
        Rule(
            'backbone.downsample_layers.{s}.1.bias',
            'encoder.downsample_layers.{s}.1.bias',
            ROW,
        ),
        *within(
            SPARSE_BLOCK, 'backbone.stages.{s}.{b}.', 'encoder.stages.{s}.{b}.'
        ),
        *DECODER,
    ),
    marks=r'encoder\.stages\.\d+\.\d+\.dwconv\.kernel',
    container='model',
)
TIMM = Layout(
    'timm',
    (
        *within(
            (Rule('{l}.{p}', '{l}.{p}'),),
            'backbone.downsample_layers.0.',
            'stem.',
        ),
        Rule(
            'backbone.downsample_layers.{s}.{l}.{p}',
            'stages.{s}.downsample.{l}.{p}',
        ),
        *within(
            TIMM_BLOCK, 'backbone.stages.{s}.{b}.', 'stages.{s}.blocks.{b}.'
        ),
        Rule('backbone.norm3.{p}', 'head.norm.{p}'),
        Rule('head.fc.{p}', 'head.fc.{p}'),
    ),
    marks=r'stages[._]\d+\.blocks\.\d+\.conv_dw\.weight',
    # The feature extractor writes stem_0 and stages_1.
    variations=((r'^(stem|stages)_(\d+)\.', r'\1.\2.'),),
    container='state_dict',
)
HUGGINGFACE = Layout(
    'huggingface',
    (
        Rule(
            'backbone.downsample_layers.0.0.{p}',
            'embeddings.patch_embeddings.{p}',
        ),
        Rule('backbone.downsample_layers.0.1.{p}', 'embeddings.layernorm.{p}'),
        Rule(
            'backbone.downsample_layers.{s}.{l}.{p}',
            'encoder.stages.{s}.downsampling_layer.{l}.{p}',
        ),
        *within(
            HUGGINGFACE_BLOCK,
            'backbone.stages.{s}.{b}.',
            'encoder.stages.{s}.layers.{b}.',
        ),
        Rule('backbone.norm3.{p}', 'layernorm.{p}'),
        # Of ...Backbone, which counts from one.
        *(
            Rule(
                f'backbone.norm{i}.{{p}}',
                f'hidden_states_norms.stage{i + 1}.{{p}}',
            )
            for i in range(4)
        ),
        Rule('head.fc.{p}', 'classifier.{p}'),
    ),
    marks=r'(convnext(v2)?\.)?encoder\.stages\.\d+\.layers\.\d+\.dwconv\.weight',
    # ...ForImageClassification has the model under a name of its own.
    variations=((r'^convnext(v2)?\.', ''),),
)
LAYOUTS = {
    layout.name: layout
    for layout in (MMPRETRAIN, OFFICIAL, SPARSE, TIMM, HUGGINGFACE)
}
