"""Ablation: the Transformer decoder of MAE for FCMAE (Table 1a)."""

from mmpretrain.models.utils import build_2d_sincos_position_embedding
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layers import INIT_CFG
from .base_decoder import BaseDecoder, fill_hidden


def position_embedding(height: int, width: int, embed_dim: int) -> Tensor:
    """Return MAE's sine-cosine embedding of positions in raster order.

    Args:
        height: Rows of the feature map.
        width: Columns of the feature map.
        embed_dim: Number of channels, a multiple of 4: the first half encodes
            the row, the second half the column.

    Returns:
        Embedding (1, height * width, embed_dim).
    """
    # MMPretrain numbers positions by column; swapped sizes number by row.
    return build_2d_sincos_position_embedding((width, height), embed_dim)


@MODELS.register_module()
class FCMAETransformerDecoder(BaseDecoder):
    """Transformer blocks over encoded patches and mask tokens.

    Width 512, 8 blocks and 16 heads are MAE's; the paper names MAE's decoder
    without numbers.

    Args:
        in_channels: Channels of the encoder's last map.
        embed_dim: Width of the decoder, a multiple of 4 and of ``num_heads``.
        depth: Number of blocks.
        num_heads: Number of attention heads.
        patch_size: Side of a masked patch in pixels.
        out_channels: Channels of the image to predict.
        feature_stride: Pixels per position of the encoder's last map.
        init_cfg: Initialization of linear and convolution weights. The mask
            token is sampled from a normal distribution with deviation 0.02;
            the input projections of the attention keep PyTorch's
            initialization (Xavier, as in MAE).

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
        super().__init__(
            in_channels=in_channels,
            token_channels=embed_dim,
            patch_size=patch_size,
            out_channels=out_channels,
            feature_stride=feature_stride,
            init_cfg=init_cfg,
        )
        self.embed_dim = embed_dim
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=1)
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
        self.pred = self.build_pred(embed_dim)

    def decode(self, feats: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Decode the last map to (N, embed_dim, H', W')."""
        x = fill_hidden(self.proj(feats[-1]), mask, self.mask_token)
        height, width = x.shape[2:]
        position = position_embedding(height, width, self.embed_dim)
        # (N, embed_dim, H', W') -> (N, H' * W', embed_dim)
        x = x.flatten(2).transpose(1, 2)
        x = self.norm(self.decoder(x + position.to(x, non_blocking=True)))
        return x.transpose(1, 2).unflatten(2, (height, width))
