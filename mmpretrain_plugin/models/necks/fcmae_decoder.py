"""The decoder of FCMAE (paper, section 3; Table 1)."""

import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layers import INIT_CFG, ConvNeXtV2Block
from .cells import check_patch, fill_hidden, order_by_patch, run_blocks


@MODELS.register_module()
class FCMAEDecoder(BaseModule):
    """ConvNeXt V2 blocks over encoded patches and mask tokens.

    Args:
        in_channels: Channels of the encoder's last map.
        embed_dim: Width of the decoder.
        depth: Number of blocks.
        patch_size: Side of a masked patch in pixels.
        out_channels: Channels of the image to predict.
        feature_stride: Pixels per cell of the encoder's map; patches are
            multiples of it.
        init_cfg: Initialization of linear and convolution weights. The mask
            token starts normal with 0.02.

    Raises:
        ValueError: If ``feature_stride`` does not divide ``patch_size``.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dim: int = 512,
        depth: int = 1,
        patch_size: int = 32,
        out_channels: int = 3,
        feature_stride: int = 32,
        init_cfg: dict | list | None = INIT_CFG,
    ) -> None:
        check_patch(patch_size, feature_stride)
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.patch_size = patch_size
        self.feature_stride = feature_stride
        self.out_channels = out_channels
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=1)
        self.mask_token = nn.Parameter(torch.zeros(1, embed_dim, 1, 1))
        self.decoder = nn.Sequential(
            *(ConvNeXtV2Block(embed_dim) for _ in range(depth))
        )
        self.pred = nn.Conv2d(
            embed_dim, feature_stride**2 * out_channels, kernel_size=1
        )

    def init_weights(self) -> None:
        """Initialize the mask token and the layers, or load them all."""
        if not self.is_init:
            nn.init.normal_(self.mask_token, std=0.02)
        super().init_weights()

    def forward(self, feats: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Predict the pixels of every patch.

        Args:
            feats: Maps of the encoder under the mask; the last one, of shape
                (N, in_channels, H', W'), is decoded.
            mask: Mask of patches, bool (N, h, w), True = hidden.

        Returns:
            Prediction (N, h * w, patch_size² * out_channels), pixels of a
            patch in the order (row, column, channel).

        Raises:
            ValueError: If the map and the mask do not cover the same image.
        """
        x = fill_hidden(self.proj(feats[-1]), mask, self.mask_token)
        x = self.pred(run_blocks(x, self.decoder))
        return order_by_patch(x, mask.shape[1:], self.feature_stride)
