"""Ablation: decoders of FCMAE in the form of a UNet (Table 1a)."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layers import INIT_CFG, ConvNeXtV2Block
from .cells import check_patch, fill_hidden, order_by_patch, run_blocks

UNET_INIT_CFG = {**INIT_CFG, 'layer': ['Conv2d', 'ConvTranspose2d', 'Linear']}


class UNetLevel(nn.Module):
    """One step up: enlarge twice, join the encoder's map, run blocks.

    Args:
        in_channels: Channels of the map from below.
        channels: Channels of this level and of the encoder's map.
        skip: Whether the encoder's map is joined.
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
        self.blocks = nn.Sequential(
            *(ConvNeXtV2Block(channels) for _ in range(depth))
        )

    def forward(
        self, x: Tensor, encoded: Tensor | None, mask: Tensor
    ) -> Tensor:
        """Go up one level.

        Args:
            x: Map from below, (N, in_channels, H', W').
            encoded: The encoder's map (N, channels, 2 H', 2 W'), or None
                without a skip.
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
class FCMAEUNetDecoder(BaseModule):
    """A decoder that mirrors the encoder, with or without skips.

    The paper names UNet decoders and gives no details; this one has the
    encoder's widths and ``depth`` blocks per level.

    Args:
        in_channels: Channels of the encoder's stages, first to last.
        skip: Whether each level gets the encoder's map of its size; the
            backbone then needs ``out_indices`` of all stages.
        depth: Blocks per level.
        patch_size: Side of a masked patch in pixels.
        out_channels: Channels of the image to predict.
        feature_stride: Pixels per cell of the encoder's last map.
        init_cfg: Initialization of weights; tokens start normal with 0.02.

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
        check_patch(patch_size, feature_stride)
        super().__init__(init_cfg)
        channels = tuple(in_channels)
        self.in_channels = channels[-1]
        self.skip = skip
        self.patch_size = patch_size
        self.feature_stride = feature_stride
        self.out_channels = out_channels
        self.mask_token = nn.Parameter(torch.zeros(1, channels[-1], 1, 1))
        self.bottom = nn.Sequential(
            *(ConvNeXtV2Block(channels[-1]) for _ in range(depth))
        )
        self.levels = nn.ModuleList(
            UNetLevel(below, here, skip, depth)
            for below, here in zip(channels[:0:-1], channels[-2::-1])
        )
        self.stride = feature_stride // 2 ** len(self.levels)
        self.pred = nn.Conv2d(
            channels[0], self.stride**2 * out_channels, kernel_size=1
        )

    def init_weights(self) -> None:
        """Initialize the mask tokens and the layers, or load them all."""
        if not self.is_init:
            for name, parameter in self.named_parameters():
                if name.endswith('mask_token'):
                    nn.init.normal_(parameter, std=0.02)
        super().init_weights()

    def forward(self, feats: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Predict the pixels of every patch.

        Args:
            feats: Maps of the encoder under the mask, the last one
                (N, in_channels[-1], H', W'); all stages with skips.
            mask: Mask of patches, bool (N, h, w), True = hidden.

        Returns:
            Prediction (N, h * w, patch_size² * out_channels).

        Raises:
            ValueError: If maps are missing or do not fit the mask.
        """
        if self.skip and len(feats) != len(self.levels) + 1:
            raise ValueError(
                f'skips need the maps of all {len(self.levels) + 1} stages, '
                f'got {len(feats)}; set out_indices of the backbone'
            )
        x = fill_hidden(feats[-1], mask, self.mask_token)
        x = run_blocks(x, self.bottom)
        for i, level in enumerate(self.levels, start=2):
            x = level(x, feats[-i] if self.skip else None, mask)
        return order_by_patch(self.pred(x), mask.shape[1:], self.stride)
