"""Target and loss of FCMAE (paper, section 3)."""

import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor

from ..masking import patch_grid


@MODELS.register_module()
class FCMAEHead(BaseModule):
    """Mean squared error of normalized pixels over hidden patches.

    Args:
        patch_size: Side of a masked patch in pixels.
        in_channels: Channels of the images.
        norm_pix: Whether each patch of the target has mean 0 and variance 1.
            Predicting zero everywhere then costs about 1.0.
    """

    eps = 1e-6

    def __init__(
        self, patch_size: int = 32, in_channels: int = 3, norm_pix: bool = True
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.in_channels = in_channels
        self.norm_pix = norm_pix
        self.criterion = MODELS.build(
            dict(type='PixelReconstructionLoss', criterion='L2')
        )

    def patchify(self, images: Tensor) -> Tensor:
        """Cut images into patches.

        Args:
            images: Images (N, C, H, W).

        Returns:
            Patches (N, h * w, patch_size² * C), pixels in the order (row,
            column, channel).

        Raises:
            ValueError: If the number of channels is another or the patch does
                not divide the image.
        """
        batch, channels = images.shape[:2]
        if channels != self.in_channels:
            raise ValueError(
                f'images have {channels} channels, the head was built for '
                f'in_channels={self.in_channels}'
            )
        p = self.patch_size
        h, w = patch_grid(images.shape[2:], p)
        # (N, C, h, p, w, p) -> (N, h, w, p, p, C)
        x = images.view(batch, channels, h, p, w, p).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(batch, h * w, -1)

    def unpatchify(self, patches: Tensor, grid: tuple[int, int]) -> Tensor:
        """Put patches together; the inverse of :meth:`patchify`.

        Args:
            patches: Patches (N, h * w, patch_size² * C).
            grid: The grid (h, w), which images that are not square need.

        Returns:
            Images (N, C, h * patch_size, w * patch_size).
        """
        batch, p, (h, w) = len(patches), self.patch_size, grid
        # (N, h, w, p, p, C) -> (N, C, h, p, w, p)
        x = patches.view(batch, h, w, p, p, -1).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(batch, -1, h * p, w * p)

    def target(self, images: Tensor) -> Tensor:
        """Return what a perfect prediction of the images would be."""
        patches = self.patchify(images)
        if not self.norm_pix:
            return patches
        mean, std = self._statistics(patches)
        return (patches - mean) / std

    def restore(self, prediction: Tensor, images: Tensor) -> Tensor:
        """Turn a prediction into pixels, with the true patch statistics.

        Args:
            prediction: Output of the decoder, (N, h * w, patch_size² * C).
            images: The images that the prediction is of, (N, C, H, W).

        Returns:
            Images (N, C, H, W) on the scale of ``images``.
        """
        grid = patch_grid(images.shape[2:], self.patch_size)
        if self.norm_pix:
            mean, std = self._statistics(self.patchify(images))
            prediction = prediction * std + mean
        return self.unpatchify(prediction, grid)

    def _statistics(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and (unbiased) deviation of each patch, (N, h * w, 1)."""
        mean = patches.mean(dim=-1, keepdim=True)
        return mean, (patches.var(dim=-1, keepdim=True) + self.eps).sqrt()

    def loss(self, prediction: Tensor, images: Tensor, mask: Tensor) -> Tensor:
        """Compare a prediction with the hidden patches.

        Args:
            prediction: Output of the decoder, (N, h * w, patch_size² * C).
            images: Images (N, C, H, W).
            mask: Mask of patches, bool (N, h, w), True = hidden.

        Returns:
            The mean over hidden patches, a scalar in at least fp32.

        Raises:
            ValueError: If the mask hides nothing. FCMAE draws masks on the
                CPU, where looking costs no synchronization.
        """
        if not mask.any():
            raise ValueError('the mask hides nothing: there is no loss')
        images = images.to(torch.promote_types(images.dtype, torch.float32))
        target = self.target(images)
        hidden = mask.flatten(1).to(target, non_blocking=True)
        return self.criterion(prediction.to(target.dtype), target, hidden)
