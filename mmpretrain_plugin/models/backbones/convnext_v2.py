"""ConvNeXt V2, for complete images and, in pre-training, under a mask.

Paper: Woo et al., ConvNeXt V2: Co-designing and Scaling ConvNets with Masked
Autoencoders, CVPR 2023, https://arxiv.org/abs/2301.00808
"""

import math
from collections.abc import Sequence

from mmengine.model import BaseModule, initialize
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ...checkpoint import load_pretrained, split_initializers
from ..layers import INIT_CFG, ConvNeXtV2Block
from ..layouts import DenseLayout, LeakyLayout, PackedLayout
from ..masking import check_encoding, check_mask

# Width of the first stage and blocks per stage (paper, appendix A.1); the
# width doubles from stage to stage. 'small' and 'xlarge' exist only in V1.
ARCHITECTURES = {
    'atto': (40, (2, 2, 6, 2)),
    'femto': (48, (2, 2, 6, 2)),
    'pico': (64, (2, 2, 6, 2)),
    'nano': (80, (2, 2, 8, 2)),
    'tiny': (96, (3, 3, 9, 3)),
    'small': (96, (3, 3, 27, 3)),
    'base': (128, (3, 3, 27, 3)),
    'large': (192, (3, 3, 27, 3)),
    'xlarge': (256, (3, 3, 27, 3)),
    'huge': (352, (3, 3, 27, 3)),
}


def resolve_architecture(arch: str | dict) -> tuple[tuple, tuple]:
    """Return depths and channels of an architecture.

    Args:
        arch: Name in ``ARCHITECTURES`` or a dict with 'depths' and
            'channels', two sequences of equal length.

    Raises:
        ValueError: If the name is unknown or the dict is malformed.
    """
    if isinstance(arch, str):
        if arch not in ARCHITECTURES:
            raise ValueError(
                f'unknown arch {arch!r}; choose from {list(ARCHITECTURES)} '
                'or pass dict(depths=..., channels=...)'
            )
        width, depths = ARCHITECTURES[arch]
        return depths, tuple(width * 2**i for i in range(len(depths)))
    if not isinstance(arch, dict) or set(arch) != {'depths', 'channels'}:
        raise ValueError(
            "arch must be a name or a dict of 'depths' and 'channels', got "
            f'{arch!r}'
        )
    depths, channels = tuple(arch['depths']), tuple(arch['channels'])
    if not depths or len(depths) != len(channels):
        raise ValueError(
            f'depths {depths} and channels {channels} must have equal '
            'lengths, one entry per stage'
        )
    return depths, channels


@MODELS.register_module()
class ConvNeXtV2(BaseModule):
    """ConvNeXt V2, or V1 with other arguments.

    State-dict names and shapes equal those of MMPretrain's ``ConvNeXt`` with
    ``use_grn=True``, so weights load in both directions.

    Args:
        arch: Name of a size ('atto', 'femto', 'pico', 'nano', 'tiny', 'base',
            'large', 'huge'; V1 also 'small', 'xlarge') or a dict with
            'depths' and 'channels'.
        in_channels: Channels of the input images.
        stem_patch_size: Kernel and stride of the stem.
        use_grn: Whether blocks have Global Response Normalization (V2).
        layer_scale_init_value: Initial layer scale (V1: 1e-6), 0 for none.
        drop_path_rate: Drop-path rate of the last block; it grows linearly
            from 0 over the blocks.
        out_indices: Stage or stages to return; negative ones count from the
            last.
        frozen_stages: Number of stages, from the stem on, that do not train.
        gap_before_final_norm: Whether to average each output map over its
            positions and return (N, C), as for classification, or to
            normalize the map and return (N, C, H, W).
        final_norm: Whether each output stage has a LayerNorm, ``norm{i}``.
            Maps under a mask never pass through it; ``FCMAE`` sets it to
            False, because distributed training raises an error for
            parameters without a gradient.
        with_cp: Whether to recompute blocks in backward to save memory.
        grn_cfg: Ablation: config of a layer that replaces GRN, such as
            ``dict(type='GRNVariant', aggregation='l1')``.
        fold_mlp: Whether the MLP of a block runs as one function with little
            activation memory and the same results; False: layer by layer.
        recompute_mlp: Whether that function recomputes the expanded features
            in backward; None: where an image has more than 4 C positions.
        init_cfg: Initialization; the default is the paper's.

    Raises:
        ValueError: If ``arch``, ``out_indices`` or ``frozen_stages`` is not
            allowed.
    """

    def __init__(
        self,
        arch: str | dict = 'tiny',
        in_channels: int = 3,
        stem_patch_size: int = 4,
        use_grn: bool = True,
        layer_scale_init_value: float = 0.0,
        drop_path_rate: float = 0.0,
        out_indices: int | Sequence[int] = -1,
        frozen_stages: int = 0,
        gap_before_final_norm: bool = True,
        final_norm: bool = True,
        with_cp: bool = False,
        grn_cfg: dict | None = None,
        fold_mlp: bool = True,
        recompute_mlp: bool | None = None,
        init_cfg: dict | list | None = INIT_CFG,
    ) -> None:
        super().__init__(init_cfg)
        self.depths, self.channels = resolve_architecture(arch)
        stages = len(self.depths)
        if isinstance(out_indices, int):
            out_indices = (out_indices,)
        in_range = all(-stages <= i < stages for i in out_indices)
        if not in_range or len({i % stages for i in out_indices}) < len(
            out_indices
        ):
            raise ValueError(
                f'out_indices {tuple(out_indices)} must be different stages '
                f'in [{-stages}, {stages - 1}]'
            )
        if not 0 <= frozen_stages <= stages:
            raise ValueError(
                f'frozen_stages {frozen_stages} must be in [0, {stages}]'
            )
        self.out_indices = tuple(i % stages for i in out_indices)
        self.in_channels = in_channels
        self.stride = stem_patch_size * 2 ** (stages - 1)
        self.frozen_stages = frozen_stages
        self.gap_before_final_norm = gap_before_final_norm

        self.downsample_layers = nn.ModuleList()
        self.stages = nn.ModuleList()
        total = sum(self.depths)
        rates = (drop_path_rate * i / max(total - 1, 1) for i in range(total))
        previous = in_channels
        for depth, width in zip(self.depths, self.channels):
            if not self.stages:
                k = stem_patch_size
                down = [
                    nn.Conv2d(previous, width, kernel_size=k, stride=k),
                    nn.LayerNorm(width, eps=1e-6),
                ]
            else:
                down = [
                    nn.LayerNorm(previous, eps=1e-6),
                    nn.Conv2d(previous, width, kernel_size=2, stride=2),
                ]
            self.downsample_layers.append(nn.ModuleList(down))
            blocks = (
                ConvNeXtV2Block(
                    width,
                    use_grn=use_grn,
                    layer_scale_init_value=layer_scale_init_value,
                    drop_path_rate=next(rates),
                    with_cp=with_cp,
                    grn_cfg=grn_cfg,
                    fold_mlp=fold_mlp,
                    recompute_mlp=recompute_mlp,
                )
                for _ in range(depth)
            )
            self.stages.append(nn.ModuleList(blocks))
            previous = width
        for i in self.out_indices if final_norm else ():
            norm = nn.LayerNorm(self.channels[i], eps=1e-6)
            self.add_module(f'norm{i}', norm)
        self._freeze_stages()

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        encoding: str = 'packed',
    ) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            x: Images, (N, in_channels, H, W).
            mask: Patches to hide, bool (N, h, w), True = hidden; None hides
                nothing. The packed encoding counts its patches, so it should
                be on the CPU.
            encoding: Under a mask, 'packed' computes only visible positions,
                'dense' computes all of them and sets hidden ones to zero.
                Both give the same results. 'leaky' is the paper's ablation:
                only hidden pixels are set to zero.

        Returns:
            One tensor per output stage. Without a mask as MMPretrain's
            ``ConvNeXt``: (N, C) or, with ``gap_before_final_norm=False``, the
            normalized map (N, C, H', W'). Under a mask the map without pooling
            or final norm, zero at hidden positions.

        Raises:
            ValueError: If channels, mask or encoding do not fit.
        """
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f'images must have shape (N, {self.in_channels}, H, W), got '
                f'{tuple(x.shape)}'
            )
        layout = self._layout(x, mask, encoding)
        outs = []
        x = layout.enter(x)
        for i, stage in enumerate(self.stages):
            x = self._downsample(x, i, layout)
            for block in stage.children():
                x = block(x, layout)
            if i in self.out_indices:
                outs.append(
                    self._output(x, i) if mask is None else layout.leave(x)
                )
        return tuple(outs)

    def _layout(
        self, images: Tensor, mask: Tensor | None, encoding: str
    ) -> DenseLayout | PackedLayout:
        """Return the layout that an encoding computes in."""
        check_encoding(encoding)
        if mask is None:
            return DenseLayout()
        check_mask(mask, images, self.stride)
        if encoding == 'packed':
            return PackedLayout(mask, images.device)
        layout = LeakyLayout if encoding == 'leaky' else DenseLayout
        return layout(mask.to(images.device, non_blocking=True))

    def _downsample(
        self, x: Tensor, stage: int, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        """Apply the stem, or the layer between two stages, inside patches."""
        for layer in self.downsample_layers[stage].children():
            if isinstance(layer, nn.Conv2d):
                x = layout.patch_conv(x, layer)
            else:
                x = layer(x)
        return layout.hide(x)

    def _output(self, x: Tensor, stage: int) -> Tensor:
        """Normalize a map, pooled or not: (N, C) or (N, C, H, W)."""
        norm = getattr(self, f'norm{stage}', nn.Identity())
        if self.gap_before_final_norm:
            return norm(x.mean(dim=(1, 2)))
        # MMCV's RoIAlign reads channels-last memory as if it were contiguous
        # (mmcv issue 2203), so detectors need contiguous maps.
        return norm(x).permute(0, 3, 1, 2).contiguous()

    def init_weights(self) -> None:
        """Initialize the weights as ``init_cfg`` says.

        An initializer of type 'Pretrained' loads a checkpoint in any format
        that ``mmpretrain_plugin.checkpoint`` supports, from a path or an
        address. Checkpoints are loaded after all other initializers.

        Raises:
            ValueError: If a checkpoint cannot be read or does not fit the
                backbone.
        """
        if self.is_init:  # type: ignore[has-type]
            return
        pretrained, others = split_initializers(self.init_cfg)
        initialize(self, others)
        for child in self.children():
            if hasattr(child, 'init_weights'):
                child.init_weights()
        for init_cfg in pretrained:
            load_pretrained(self, init_cfg)
        self.is_init = True

    def _freeze_stages(self) -> None:
        for i in range(self.frozen_stages):
            for module in (self.downsample_layers[i], self.stages[i]):
                module.eval()
                module.requires_grad_(False)

    def train(self, mode: bool = True) -> 'ConvNeXtV2':
        """Set the mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        self._freeze_stages()
        return self

    def get_layer_depth(
        self, param_name: str, prefix: str = '', decay_type: str = 'layer'
    ) -> tuple[int, int]:
        """Return the layer of a parameter, for layer-wise learning rates.

        The learning rate of a parameter is multiplied by
        ``decay ** (num_layers - 1 - layer_id)``.

        Args:
            param_name: Name of the parameter in the complete model.
            prefix: Prefix of the backbone's parameters in that model.
            decay_type: 'layer': every block is a layer; 'group': three blocks
                of the second to last stage are one layer (ConvNeXt V1).

        Returns:
            The layer id, and the number of layers. Parameters outside of the
            stem, down-sampling layers and blocks have the last id.

        Raises:
            ValueError: If ``decay_type`` is unknown.
        """
        if decay_type not in ('layer', 'group'):
            raise ValueError(
                f"decay_type must be 'layer' or 'group', got {decay_type!r}"
            )
        layer_of = self._layer_id if decay_type == 'layer' else self._group_id
        last = layer_of(len(self.depths) - 1, self.depths[-1] - 1)
        parts = param_name.removeprefix(prefix).split('.')
        if not param_name.startswith(prefix) or parts[0] not in (
            'downsample_layers',
            'stages',
        ):
            return last + 1, last + 2
        block = int(parts[2]) if parts[0] == 'stages' else None
        return layer_of(int(parts[1]), block), last + 2

    def _layer_id(self, stage: int, block: int | None) -> int:
        """Number blocks; a down-sampling layer belongs to the next block."""
        return sum(self.depths[:stage]) + (block or 0) + 1

    def _group_id(self, stage: int, block: int | None) -> int:
        """Number groups: three blocks in the long stage, else a stage each."""
        long_stage = len(self.depths) - 2
        if stage == 0 and block is None:
            return 0
        if stage < long_stage:
            return stage + 1
        if stage == long_stage:
            return stage + 1 + (block or 0) // 3
        groups = math.ceil(self.depths[long_stage] / 3) if stage else 1
        return stage + groups
