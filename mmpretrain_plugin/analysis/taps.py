"""Features inside the blocks of a backbone, read by forward hooks.

Of a ConvNeXt block these are the high-dimensional activations of its MLP,
(N, positions, 4 C), which section 4 of the paper analyzes: after GELU and
before GRN, and after GRN or the layer in its place. Of a Transformer layer
they are the activations of its feed-forward network after GELU, without the
class token.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from mmcv.cnn.bricks.transformer import FFN
from torch import Tensor, nn

SUPPORTED = (
    'ConvNeXt V1 and V2 of this project and of MMPretrain, and Transformers '
    "with MMCV's FFN, such as MMPretrain's VisionTransformer, MAEViT, "
    'BEiTViT and SwinTransformer'
)

# Called with the index of a block, the name of the tap, and the features.
Observer = Callable[[int, str, Tensor], None]


class Block(NamedTuple):
    """A residual block and the modules whose outputs are its features.

    Attributes:
        name: Name of the block in the backbone.
        module: The block; its output is the tap 'output'.
        activation: Its nonlinearity; its output is the tap 'activation'.
        normalization: GRN, or the layer in its place, or None; its output is
            the tap 'normalized'.
        channels_first: Whether MLP features are (N, 4 C, H, W).
        output_channels_first: Whether the output is (N, C, H, W).
        extra_tokens: Number of tokens before those of the positions.
    """

    name: str
    module: nn.Module
    activation: nn.Module
    normalization: nn.Module | None = None
    channels_first: bool = False
    output_channels_first: bool = False
    extra_tokens: int = 0

    def taps(self) -> Iterator[tuple[str, nn.Module, bool]]:
        """Yield name, module and order of axes of each tap."""
        yield 'activation', self.activation, self.channels_first
        if self.normalization is not None:
            yield 'normalized', self.normalization, self.channels_first
        yield 'output', self.module, self.output_channels_first


def find_blocks(backbone: nn.Module) -> list[Block]:
    """Return the residual blocks of a backbone, from first to last.

    Raises:
        ValueError: If it has none whose features are known.
    """
    extra_tokens = getattr(backbone, 'num_extra_tokens', 0)
    blocks = []
    for name, module in backbone.named_modules():
        if hasattr(module, 'depthwise_conv') and hasattr(module, 'grn'):
            blocks.append(_convnext_block(name, module))
        elif isinstance(getattr(module, 'ffn', None), FFN):
            activation = module.ffn.layers[0][1]
            blocks.append(
                Block(name, module, activation, extra_tokens=extra_tokens)
            )
    if not blocks:
        raise ValueError(
            f'the backbone {type(backbone).__name__} has no blocks whose '
            f'features can be read; supported are {SUPPORTED}'
        )
    return blocks


def _convnext_block(name: str, module: Any) -> Block:
    """Return the taps of a ConvNeXt block, ours or MMPretrain's."""
    grn = module.grn
    without = grn is None or isinstance(grn, nn.Identity)
    # Ours is channels last throughout, MMPretrain's between its blocks not.
    linear = getattr(module, 'linear_pw_conv', None)
    return Block(
        name,
        module,
        module.act,
        None if without else grn,
        channels_first=linear is False,
        output_channels_first=linear is not None,
    )


@contextmanager
def observe(blocks: Sequence[Block], observer: Observer) -> Iterator[None]:
    """Call a function with the features of each block in every forward.

    Nothing is stored, so memory does not grow with depth. Within the context
    ConvNeXt blocks run their MLP layer by layer, as the folded MLP never
    computes the features one by one.

    Args:
        blocks: Blocks to observe.
        observer: Called with the index of the block among ``blocks``, the tap
            ('activation', 'normalized' or 'output'), and features without
            gradient, (N, positions, channels).
    """
    handles = []
    try:
        for index, block in enumerate(blocks):
            for tap, module, channels_first in block.taps():
                hook = _hook(index, tap, block, channels_first, observer)
                handles.append(module.register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(
    index: int,
    tap: str,
    block: Block,
    channels_first: bool,
    observer: Observer,
) -> Callable[[nn.Module, tuple, Tensor], None]:
    """Return a hook that passes the output of a module to an observer."""

    def hook(module: nn.Module, args: tuple, output: Tensor) -> None:
        x = output.detach()
        if channels_first:
            x = x.flatten(2).transpose(1, 2)
        else:
            x = x.flatten(1, -2)
        observer(index, tap, x[:, block.extra_tokens :])

    return hook


@torch.no_grad()
def encode(backbone: nn.Module, images: Tensor) -> Tensor | Sequence[Tensor]:
    """Return the outputs of a backbone for complete images.

    The backbones of MAE, SimMIM and others hide patches unless they are told
    not to.

    Raises:
        ValueError: If the backbone cannot encode images of this size.
    """
    takes_mask = 'mask' in inspect.signature(backbone.forward).parameters
    try:
        return backbone(images, **(dict(mask=None) if takes_mask else {}))
    except (RuntimeError, AssertionError) as error:
        height, width = images.shape[2:]
        raise ValueError(
            f'{type(backbone).__name__} cannot encode {len(images)} images of '
            f'{height}x{width} pixels: {" ".join(str(error).split())}'
        ) from error


def collect_features(
    backbone: nn.Module, images: Tensor, blocks: Sequence[Block] | None = None
) -> list[dict[str, Tensor]]:
    """Return the features of blocks for a few images.

    Args:
        backbone: The backbone.
        images: Normalized images (N, C, H, W).
        blocks: Blocks to read; None: all.

    Returns:
        For each block, features (N, positions, channels) by tap.

    Raises:
        ValueError: If the blocks of the backbone are not known.
    """
    if blocks is None:
        blocks = find_blocks(backbone)
    features: list[dict[str, Tensor]] = [{} for _ in blocks]

    def keep(index: int, tap: str, x: Tensor) -> None:
        features[index][tap] = x

    with observe(blocks, keep):
        encode(backbone, images)
    return features
