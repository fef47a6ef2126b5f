"""The decoder of FCMAE (paper, section 3; Table 1)."""

from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..layers import INIT_CFG, ConvNeXtV2Block
from .base_decoder import BaseDecoder, fill_hidden, run_blocks


@MODELS.register_module()
class FCMAEDecoder(BaseDecoder):
    """ConvNeXt V2 blocks over encoded patches and mask tokens.

    Args:
        in_channels: Channels of the encoder's last map.
        embed_dim: Width of the decoder.
        depth: Number of blocks.
        patch_size: Side of a masked patch in pixels.
        out_channels: Channels of the image to predict.
        feature_stride: Pixels per position of the encoder's last map, a
            divisor of ``patch_size``.
        init_cfg: Initialization of linear and convolution weights. The mask
            token is sampled from a normal distribution with deviation 0.02.

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
        super().__init__(
            in_channels=in_channels,
            token_channels=embed_dim,
            patch_size=patch_size,
            out_channels=out_channels,
            feature_stride=feature_stride,
            init_cfg=init_cfg,
        )
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=1)
        self.decoder = nn.ModuleList(
            ConvNeXtV2Block(embed_dim) for _ in range(depth)
        )
        self.pred = self.build_pred(embed_dim)

    def decode(self, feats: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Decode the last map to (N, embed_dim, H', W')."""
        x = fill_hidden(self.proj(feats[-1]), mask, self.mask_token)
        return run_blocks(x, self.decoder)
