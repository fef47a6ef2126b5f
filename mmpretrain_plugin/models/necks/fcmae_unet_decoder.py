"""Ablation: UNet decoders of FCMAE (Table 1a)."""

from collections.abc import Sequence

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layers import INIT_CFG, ConvNeXtV2Block
from .base_decoder import BaseDecoder, fill_hidden, run_blocks

UNET_INIT_CFG = {**INIT_CFG, 'layer': ['Conv2d', 'ConvTranspose2d', 'Linear']}


class UNetLevel(nn.Module):
    """Upsample twice, join the encoder's map, apply blocks.

    Args:
        in_channels: Channels of the map from below.
        channels: Channels of this level and of the encoder's map.
        skip: Whether to join the encoder's map.
        depth: Number of blocks.
    """

    def __init__(
        self, in_channels: int, channels: int, skip: bool, depth: int
    ) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(
            in_channels, channels, kernel_size=2, stride=2
        )
        if skip:
            self.mask_token = nn.Parameter(torch.zeros(1, channels, 1, 1))
            self.fuse = nn.Conv2d(2 * channels, channels, kernel_size=1)
        self.blocks = nn.ModuleList(
            ConvNeXtV2Block(channels) for _ in range(depth)
        )

    def forward(
        self, x: Tensor, encoded: Tensor | None, mask: Tensor
    ) -> Tensor:
        """Decode one level.

        Args:
            x: Map from below, (N, in_channels, H', W').
            encoded: The encoder's map (N, channels, 2 H', 2 W'), or None
                without a skip connection.
            mask: Mask of patches, bool (N, h, w), True = hidden.

        Returns:
            Map (N, channels, 2 H', 2 W').
        """
        x = self.up(x)
        if encoded is not None:
            filled = fill_hidden(encoded, mask, self.mask_token)
            x = self.fuse(torch.cat([x, filled], dim=1))
        return run_blocks(x, self.blocks)


@MODELS.register_module()
class FCMAEUNetDecoder(BaseDecoder):
    """A decoder that mirrors the encoder, with or without skip connections.

    The paper names UNet decoders without details; this one has the encoder's
    widths and ``depth`` blocks per level.

    Args:
        in_channels: Channels of the encoder's stages, first to last.
        skip: Whether each level joins the encoder's map of its size; the
            backbone then needs ``out_indices`` of all stages.
        depth: Blocks per level.
        patch_size: Side of a masked patch in pixels.
        out_channels: Channels of the image to predict.
        feature_stride: Pixels per position of the encoder's last map.
        init_cfg: Initialization of weights. Mask tokens are sampled from a
            normal distribution with deviation 0.02.

    Raises:
        ValueError: If ``feature_stride`` does not divide ``patch_size``.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        skip: bool = True,
        depth: int = 1,
        patch_size: int = 32,
        out_channels: int = 3,
        feature_stride: int = 32,
        init_cfg: dict | list | None = UNET_INIT_CFG,
    ) -> None:
        channels = tuple(in_channels)
        super().__init__(
            in_channels=channels[-1],
            token_channels=channels[-1],
            patch_size=patch_size,
            out_channels=out_channels,
            feature_stride=feature_stride,
            cell_size=feature_stride // 2 ** (len(channels) - 1),
            init_cfg=init_cfg,
        )
        self.skip = skip
        self.bottom = nn.ModuleList(
            ConvNeXtV2Block(channels[-1]) for _ in range(depth)
        )
        self.levels = nn.ModuleList(
            UNetLevel(below, here, skip, depth)
            for below, here in zip(channels[:0:-1], channels[-2::-1])
        )
        self.pred = self.build_pred(channels[0])

    def decode(self, feats: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Decode to the size of the first stage, (N, in_channels[0], ...).

        Raises:
            ValueError: If ``skip`` is set and maps of stages are missing.
        """
        if self.skip and len(feats) != len(self.levels) + 1:
            raise ValueError(
                f'skip=True needs the maps of all {len(self.levels) + 1} '
                f'stages, got {len(feats)}; set out_indices of the backbone'
            )
        x = fill_hidden(feats[-1], mask, self.mask_token)
        x = run_blocks(x, self.bottom)
        for i, level in enumerate(self.levels, start=2):
            x = level(x, feats[-i] if self.skip else None, mask)
        return x
