"""Ablation: the Transformer decoder of MAE for FCMAE (Table 1a)."""

import torch
from mmengine.model import BaseModule
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layers import INIT_CFG
from .cells import check_patch, fill_hidden, order_by_patch


def position_embedding(height: int, width: int, embed_dim: int) -> Tensor:
    """Return the sines and cosines of MAE for cells in raster order.

    Args:
        height: Rows of cells.
        width: Columns of cells.
        embed_dim: Number of channels, a multiple of 4: the first half is the
            row's, the second the column's.

    Returns:
        Embedding (1, height * width, embed_dim).
    """
    # The host numbers cells column by column: exchanged, row by row.
    return build_2d_sincos_position_embedding((width, height), embed_dim)


@MODELS.register_module()
class FCMAETransformerDecoder(BaseModule):
    """Transformer blocks over encoded cells and mask tokens.

    Width 512, 8 blocks and 16 heads are MAE's; the paper names MAE's decoder
    and gives no numbers.

    Args:
        in_channels: Channels of the encoder's last map.
        embed_dim: Width of the decoder, a multiple of 4 and of the heads.
        depth: Number of blocks.
        num_heads: Heads of the attention.
        patch_size: Side of a masked patch in pixels.
        out_channels: Channels of the image to predict.
        feature_stride: Pixels per cell of the encoder's map.
        init_cfg: Initialization of linear and convolution weights. The mask
            token starts normal with 0.02, the input projections of the
            attention as PyTorch starts them (Xavier, as MAE's).

    Raises:
        ValueError: If ``feature_stride`` does not divide ``patch_size``.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dim: int = 512,
        depth: int = 8,
        num_heads: int = 16,
        patch_size: int = 32,
        out_channels: int = 3,
        feature_stride: int = 32,
        init_cfg: dict | list | None = INIT_CFG,
    ) -> None:
        check_patch(patch_size, feature_stride)
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.embed_dim = embed_dim
        self.patch_size = patch_size
        self.feature_stride = feature_stride
        self.out_channels = out_channels
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=1)
        self.mask_token = nn.Parameter(torch.zeros(1, embed_dim, 1, 1))
        self.decoder = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    embed_dim,
                    num_heads,
                    dim_feedforward=4 * embed_dim,
                    dropout=0.0,
                    activation='gelu',
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(depth)
            )
        )
        self.norm = nn.LayerNorm(embed_dim)
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
            Prediction (N, h * w, patch_size² * out_channels).

        Raises:
            ValueError: If map and mask do not cover the same image.
        """
        x = fill_hidden(self.proj(feats[-1]), mask, self.mask_token)
        height, width = x.shape[2:]
        position = position_embedding(height, width, self.embed_dim)
        x = x.flatten(2).transpose(1, 2)
        x = self.norm(self.decoder(x + position.to(x, non_blocking=True)))
        x = x.transpose(1, 2).unflatten(2, (height, width))
        return order_by_patch(
            self.pred(x), mask.shape[1:], self.feature_stride
        )
