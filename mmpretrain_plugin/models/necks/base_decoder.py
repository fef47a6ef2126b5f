"""Common parts of FCMAE's decoders."""

from abc import abstractmethod

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..layouts import DenseLayout
from ..masking import enlarge


class BaseDecoder(BaseModule):
    """Base class of decoders, from features of the encoder to patches.

    A decoder holds one mask token at least, named ``mask_token``, and ends
    with a 1x1 convolution ``pred`` to the pixels of every cell, where a cell
    is one position of the decoded map.

    Args:
        in_channels: Channels of the encoder's last map.
        token_channels: Channels of the mask token.
        patch_size: Side of a masked patch in pixels.
        out_channels: Channels of the image to predict.
        feature_stride: Pixels per position of the encoder's last map.
        cell_size: Pixels per cell; None: ``feature_stride``.
        init_cfg: Initialization of all parameters except mask tokens, which
            are sampled from a normal distribution with deviation 0.02.

    Raises:
        ValueError: If ``feature_stride`` does not divide ``patch_size``.
    """

    def __init__(
        self,
        in_channels: int,
        token_channels: int,
        patch_size: int,
        out_channels: int,
        feature_stride: int,
        cell_size: int | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        if patch_size % feature_stride:
            raise ValueError(
                f'patch_size {patch_size} must be a multiple of '
                f'feature_stride {feature_stride}'
            )
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.patch_size = patch_size
        self.out_channels = out_channels
        self.feature_stride = feature_stride
        self.cell_size = cell_size or feature_stride
        self.mask_token = nn.Parameter(torch.zeros(1, token_channels, 1, 1))

    def build_pred(self, channels: int) -> nn.Conv2d:
        """Return the layer from decoded channels to the pixels of a cell."""
        pixels = self.cell_size**2 * self.out_channels
        return nn.Conv2d(channels, pixels, kernel_size=1)

    def init_weights(self) -> None:
        """Initialize mask tokens and layers, or load a checkpoint."""
        if not self.is_init:
            for name, parameter in self.named_parameters():
                if name.endswith('mask_token'):
                    nn.init.normal_(parameter, std=0.02)
        super().init_weights()

    @abstractmethod
    def decode(self, feats: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Decode features into a map with the input channels of ``pred``.

        Args:
            feats: Maps of the encoder under the mask; the last one has shape
                (N, in_channels, H', W').
            mask: Mask of patches, bool (N, h, w), True = hidden, on the
                device of the maps.

        Returns:
            Map (N, C, H'', W''), one position per cell.
        """

    def forward(self, feats: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        """Predict the pixels of every patch.

        Args:
            feats: Maps of the encoder under the mask; the last one has shape
                (N, in_channels, H', W').
            mask: Mask of patches, bool (N, h, w), True = hidden.

        Returns:
            Prediction (N, h * w, patch_size² * out_channels), pixels of a
            patch in the order (row, column, channel).

        Raises:
            ValueError: If maps are missing or do not fit the mask.
        """
        mask = mask.to(feats[-1].device, non_blocking=True)
        x = self.pred(self.decode(feats, mask))
        return order_by_patch(x, mask.shape[1:], self.cell_size)


def run_blocks(x: Tensor, blocks: nn.ModuleList) -> Tensor:
    """Apply ConvNeXt V2 blocks to a map (N, C, H', W') without a mask."""
    layout = DenseLayout()
    x = layout.enter(x)
    for block in blocks:
        x = block(x, layout)
    return layout.leave(x)


def fill_hidden(x: Tensor, mask: Tensor, token: Tensor) -> Tensor:
    """Replace the hidden positions of a map by a token.

    Args:
        x: Map (N, C, H', W').
        mask: Mask of patches, bool (N, h, w), True = hidden.
        token: Token (1, C, 1, 1).

    Returns:
        Map of the same shape.

    Raises:
        ValueError: If map and mask do not cover the same image.
    """
    rows, columns = mask.shape[1:]
    factor = x.shape[2] // rows
    if factor == 0 or x.shape[2:] != (rows * factor, columns * factor):
        raise ValueError(
            f'a feature map of {tuple(x.shape[2:])} positions does not fit a '
            f'mask of {rows}x{columns} patches'
        )
    hidden = enlarge(mask, factor).unsqueeze(1)
    return torch.where(hidden, token.to(x.dtype), x)


def order_by_patch(x: Tensor, grid: tuple[int, ...], cell_size: int) -> Tensor:
    """Reorder predicted pixels by patch, row, column, channel.

    Args:
        x: Pixels of every cell, (N, cell_size² * C, H', W'), in the order
            (row, column, channel) within a cell.
        grid: Patches per column and row of the image, (h, w).
        cell_size: Pixels per side of a cell.

    Returns:
        Prediction (N, h * w, patch_size² * C), pixels of a patch in the order
        (row, column, channel).
    """
    batch, pixels, height, width = x.shape
    (h, w), s = grid, cell_size
    cells = height // h
    # (N, s, s, C, h, cells, w, cells) -> (N, h, w, cells, s, cells, s, C)
    x = x.view(batch, s, s, pixels // s**2, h, cells, w, width // w)
    x = x.permute(0, 4, 6, 5, 1, 7, 2, 3)
    return x.reshape(batch, h * w, -1)
