"""Masked autoencoders of pixels, at full resolution (paper, appendix D).

Both encoders have about 0.6M parameters and stride 1, so that every mask size
from one pixel on is possible, and both see visible pixels only. The decoder is
the same for both.
"""

from mmengine.model import BaseModule, Sequential
from mmpretrain.models.backbones.vision_transformer import (
    TransformerEncoderLayer,
)
from torch import Tensor, nn

from mmpretrain_plugin.models import FCMAE
from mmpretrain_plugin.models.layouts import DenseLayout, PackedLayout
from mmpretrain_plugin.models.necks.fcmae_transformer_decoder import (
    position_embedding,
)

ENCODERS = ('ConvNeXt', 'ConvNeXt + GRN', 'Transformer')
# The paper gives the numbers of blocks and parameters; widths, heads and the
# decoder are our choice.
CONVNEXT = dict(depths=[6], channels=[108])
TRANSFORMER = dict(channels=112, depth=4, num_heads=4)
# Hidden pixels have no features, so the decoder has to reach them from visible
# ones: 6 convolutions of 7x7 reach 18 pixels, and the largest mask has 16.
DECODER = dict(type='FCMAEDecoder', embed_dim=48, depth=6)


class PixelTransformer(BaseModule):
    """A Vision Transformer whose tokens are visible pixels.

    Hidden pixels have no token, as in MAE. Each pixel is one position of the
    output, so the class takes the place of ``ConvNeXtV2`` in ``FCMAE``.

    Args:
        channels: Width, a multiple of 4 and of ``num_heads``.
        depth: Number of MMPretrain's Transformer layers.
        num_heads: Number of attention heads.
        in_channels: Channels of the images.
    """

    stride = 1

    def __init__(
        self,
        channels: int,
        depth: int,
        num_heads: int,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.channels = (channels,)
        self.embed = nn.Conv2d(in_channels, channels, kernel_size=1)
        # mmengine's class, which initializes its layers as each one says.
        self.layers = Sequential(
            *(
                TransformerEncoderLayer(channels, num_heads, 4 * channels)
                for _ in range(depth)
            )
        )
        self.norm = nn.LayerNorm(channels)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        encoding: str = 'packed',
    ) -> tuple[Tensor]:
        """Encode the visible pixels of images.

        Args:
            x: Images, (N, in_channels, H, W).
            mask: Patches to hide, bool (N, h, w), True = hidden; None hides
                nothing.
            encoding: 'packed', because a Transformer has no other.

        Returns:
            One tensor: the map (N, channels, H, W), zero at hidden pixels;
            without a mask its mean over positions, (N, channels).

        Raises:
            ValueError: If the encoding is not 'packed'.
        """
        if encoding != 'packed':
            raise ValueError(
                f"PixelTransformer has encoding='packed' only, got "
                f'{encoding!r}'
            )
        position = position_embedding(*x.shape[2:], self.channels[0])
        position = position.transpose(1, 2).unflatten(2, x.shape[2:])
        x = self.embed(x) + position.to(x, non_blocking=True)
        layout = DenseLayout()
        if mask is not None:
            layout = PackedLayout(mask, x.device)
        x = layout.enter(x)
        tokens = self.norm(self.layers(x.flatten(1, -2)))
        if mask is None:
            return (tokens.mean(dim=1),)
        return (layout.leave(tokens.view(x.shape)),)


def describe_models() -> dict[str, dict]:
    """Return the architectures, for the record of a study."""
    return dict(convnext=CONVNEXT, transformer=TRANSFORMER, decoder=DECODER)


def build_autoencoder(
    encoder: str, mask_size: int, mean: list[float], std: list[float]
) -> FCMAE:
    """Return an initialized autoencoder.

    The target is not normalized per patch, because a patch of one pixel has
    no variance.

    Args:
        encoder: Name in ``ENCODERS``.
        mask_size: Side of a hidden patch in pixels.
        mean: Mean of each channel, R, G, B, on the scale 0 to 255.
        std: Standard deviation of each channel.
    """
    if encoder == 'Transformer':
        backbone = PixelTransformer(**TRANSFORMER)
        channels = TRANSFORMER['channels']
    else:
        backbone = dict(
            type='ConvNeXtV2',
            arch=CONVNEXT,
            stem_patch_size=1,
            use_grn=encoder == 'ConvNeXt + GRN',
        )
        channels = CONVNEXT['channels'][-1]
    model = FCMAE(
        backbone,
        neck=dict(
            DECODER,
            in_channels=channels,
            patch_size=mask_size,
            feature_stride=1,
        ),
        head=dict(type='FCMAEHead', patch_size=mask_size, norm_pix=False),
        mask_ratio=0.5,
        patch_size=mask_size,
        data_preprocessor=dict(
            type='SelfSupDataPreprocessor',
            mean=mean,
            std=std,
            bgr_to_rgb=True,
        ),
    )
    model.init_weights()
    return model
