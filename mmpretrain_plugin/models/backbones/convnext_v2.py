"""ConvNeXt V2, dense for transfer and masked for pre-training.

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
from ..masking import check_encoding, patch_size_of

# Width of the first stage and blocks per stage (paper, appendix A.1); the
# width doubles from stage to stage. 'small' and 'xlarge' are V1's.
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
    """Return the depths and channels that ``arch`` names or holds.

    Args:
        arch: A name of ``ARCHITECTURES`` or a dict with 'depths' and
            'channels', two sequences of one length.

    Raises:
        ValueError: If the name is unknown or the dict is not of that form.
    """
    if isinstance(arch, str):
        if arch not in ARCHITECTURES:
            raise ValueError(
                f'unknown arch {arch!r}; choose from {list(ARCHITECTURES)} '
                'or give a dict(depths=..., channels=...)'
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
            f'depths {depths} and channels {channels} must have one entry '
            'per stage each'
        )
    return depths, channels


@MODELS.register_module()
class ConvNeXtV2(BaseModule):
    """ConvNeXt V2, and V1 by arguments.

    State-dict names and shapes equal those of mmpretrain's ``ConvNeXt`` with
    ``use_grn=True``, so weights load both ways.

    Args:
        arch: Name of a size ('atto', 'femto', 'pico', 'nano', 'tiny', 'base',
            'large', 'huge'; V1 also 'small', 'xlarge') or a dict with
            'depths' and 'channels'.
        in_channels: Channels of the input images.
        stem_patch_size: Kernel and stride of the stem.
        use_grn: Whether blocks have Global Response Normalization (V2).
        layer_scale_init_value: Start of layer scale (V1: 1e-6), 0 for none.
        drop_path_rate: Rate of the last block; it grows linearly from 0.
        out_indices: Stage or stages to return; negative ones count from the
            last.
        frozen_stages: How many stages, from the stem on, are not trained.
        gap_before_final_norm: Whether to average each output map over its
            sites and return (N, C), as for classification, or to normalize
            the map and return (N, C, H, W).
        with_cp: Whether to recompute blocks in backward to save memory.
        grn_cfg: Ablation: config of a layer in the place of GRN, such as
            ``dict(type='GRNVariant', aggregation='l1')``.
        fold_mlp: Whether the MLP of a block runs as one function that keeps
            little for backward, which is exact; False: layer after layer.
        recompute_mlp: Whether that function computes the expanded sites again
            in backward; None: where an image has more than 4 C sites.
        init_cfg: Initialization; the default is the paper's.

    Raises:
        ValueError: If ``arch``, ``out_indices`` or ``frozen_stages`` is not
            one of the allowed values.
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
            self.downsample_layers.append(nn.Sequential(*down))
            blocks = [
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
            ]
            self.stages.append(nn.Sequential(*blocks))
            previous = width
        for i in self.out_indices:
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
                nothing.
            encoding: Under a mask, 'packed' computes visible sites only,
                'dense' all of them with hidden ones set to zero. Both mean
                the same. 'leaky' is the paper's ablation: hidden pixels are
                zero and nothing else is.

        Returns:
            One tensor per output stage. Without a mask as mmpretrain's
            ``ConvNeXt``: (N, C) or, with ``gap_before_final_norm=False``, the
            normalized map (N, C, H', W'). Under a mask the map as it is, with
            zeros at hidden sites.

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
            for block in stage:
                x = block(x, layout)
            if i in self.out_indices:
                outs.append(
                    self._output(x, i) if mask is None else layout.leave(x)
                )
        return tuple(outs)

    def _layout(
        self, images: Tensor, mask: Tensor | None, encoding: str
    ) -> DenseLayout | PackedLayout:
        """Choose the layout that computes under a mask."""
        check_encoding(encoding)
        if mask is None:
            return DenseLayout()
        patch_size_of(mask, images, self.stride)
        if encoding == 'packed':
            return PackedLayout(mask, images.device)
        layout = LeakyLayout if encoding == 'leaky' else DenseLayout
        return layout(mask.to(images.device, non_blocking=True))

    def _downsample(
        self, x: Tensor, stage: int, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        """Run the stem, or the layer between two stages, inside patches."""
        for layer in self.downsample_layers[stage]:
            is_conv = isinstance(layer, nn.Conv2d)
            x = layout.patch_conv(x, layer) if is_conv else layer(x)
        return layout.hide(x)

    def _output(self, x: Tensor, stage: int) -> Tensor:
        """Pool or not, normalize, and return (N, C) or (N, C, H, W)."""
        norm = getattr(self, f'norm{stage}', nn.Identity())
        if self.gap_before_final_norm:
            return norm(x.mean(dim=(1, 2)))
        # mmcv's RoIAlign silently reads channels-last memory as if it were
        # not (mmcv issue 2203): detectors must get contiguous maps.
        return norm(x).permute(0, 3, 1, 2).contiguous()

    def remove_final_norm(self) -> None:
        """Drop the LayerNorm of each output stage.

        Maps under a mask do not pass through it, so that in pre-training it
        would be a parameter without a gradient, which stops distributed
        training. The released pre-training weights have none either.
        """
        for i in self.out_indices:
            if hasattr(self, f'norm{i}'):
                delattr(self, f'norm{i}')

    def init_weights(self) -> None:
        """Initialize the weights as ``init_cfg`` says.

        An initializer of type 'Pretrained' loads a checkpoint in any format
        that ``mmpretrain_plugin.checkpoint`` supports, from a path or an
        address. Checkpoints are loaded after all other initializers.

        Raises:
            ValueError: If a checkpoint cannot be read or does not fit the
                backbone.
        """
        if self.is_init:
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
        """Tell how deep a parameter lies, for layer-wise learning rates.

        The rate of a parameter is ``decay ** (num_layers - 1 - layer_id)``.

        Args:
            param_name: Name of the parameter in the whole model.
            prefix: What precedes the backbone's own names in it.
            decay_type: 'layer' counts every block, 'group' puts three blocks
                of the second to last stage into one layer (ConvNeXt V1).

        Returns:
            The layer id, and the number of layers. Whatever is not in the
            stem, a down-sampling layer or a block has the last id.

        Raises:
            ValueError: If ``decay_type`` is unknown.
        """
        if decay_type not in ('layer', 'group'):
            raise ValueError(
                f"decay_type must be 'layer' or 'group', got {decay_type!r}"
            )
        layer_of = self._layer_wise if decay_type == 'layer' else self._grouped
        last = layer_of(len(self.depths) - 1, self.depths[-1] - 1)
        parts = param_name.removeprefix(prefix).split('.')
        if not param_name.startswith(prefix) or parts[0] not in (
            'downsample_layers',
            'stages',
        ):
            return last + 1, last + 2
        block = int(parts[2]) if parts[0] == 'stages' else None
        return layer_of(int(parts[1]), block), last + 2

    def _layer_wise(self, stage: int, block: int | None) -> int:
        """Every block a layer; a down-sampling goes with the block after."""
        return sum(self.depths[:stage]) + (block or 0) + 1

    def _grouped(self, stage: int, block: int | None) -> int:
        """Groups of three blocks in the long stage, one group per other."""
        long_stage = len(self.depths) - 2
        if stage == 0 and block is None:
            return 0
        if stage < long_stage:
            return stage + 1
        if stage == long_stage:
            return stage + 1 + (block or 0) // 3
        groups = math.ceil(self.depths[long_stage] / 3) if stage else 1
        return stage + groups


__all__ = ['ARCHITECTURES', 'ConvNeXtV2']
